"""How long things took, packed: exact counts in bins so narrow that a percentile errs by at most 2.2 %."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

ERROR_PER_MILLE = 22
_LONGEST = 10**12
"""Milliseconds, some 30 years: whatever is longer counts as about that."""

_PAIR = np.dtype([("bin", "<u2"), ("count", "<u4")])
_pack_pair = Struct("<HI").pack


def _bins() -> Iterator[tuple[int, int]]:
    """Yield each bin's first millisecond and middle: no bin reaches further to its middle than the error allows."""
    first = 0
    while first <= _LONGEST:
        middle = first * (1_000 + ERROR_PER_MILLE) // 1_000
        yield first, middle
        first = middle * 1_000 // (1_000 - ERROR_PER_MILLE) + 1


_BINS = tuple(_bins())
_FIRSTS = [first for first, _ in _BINS]


@dataclass(frozen=True, slots=True)
class Histogram:
    """``packed`` has a pair for each bin that is used, in order: two bytes for its number and four for its count."""

    packed: bytes = b""

    @classmethod
    def of(cls, milliseconds: Iterable[int]) -> "Histogram":
        """Make one; negative values count as none, for a clock may have been set back."""
        counts = Counter(bisect_right(_FIRSTS, max(value, 0)) - 1 for value in milliseconds)
        return cls(b"".join(_pack_pair(*pair) for pair in sorted(counts.items())))

    @classmethod
    def united(cls, packed: Sequence[bytes]) -> "Histogram":
        """Return one histogram of all that several hold."""
        if len(packed) == 1:
            return cls(packed[0])
        return cls._counted(_counts(b"".join(packed)))

    @classmethod
    def _counted(cls, counts: NDArray[np.int64]) -> "Histogram":
        bins = np.flatnonzero(counts)
        pairs = np.empty(len(bins), _PAIR)
        pairs["bin"], pairs["count"] = bins, counts[bins]
        return cls(pairs.tobytes())

    @property
    def count(self) -> int:
        return int(_pairs(self.packed)["count"].sum(dtype=np.int64))

    def percentile(self, percent: int) -> int | None:
        """Return milliseconds by nearest rank: the least that so many per cent do not exceed.

        None if there are none.
        """
        pairs = _pairs(self.packed)
        if not len(pairs):
            return None
        up_to = np.cumsum(pairs["count"], dtype=np.int64)
        rank = max(1, -(-int(up_to[-1]) * percent // 100))
        return _BINS[int(pairs["bin"][np.searchsorted(up_to, rank)])][1]

    def __sub__(self, part: "Histogram") -> "Histogram":
        """Return what is left without a part of it."""
        return self._counted(_counts(self.packed) - _counts(part.packed))


NOTHING = Histogram()


def _pairs(packed: bytes) -> NDArray[Any]:
    return np.frombuffer(packed, _PAIR)


def _counts(packed: bytes) -> NDArray[np.int64]:
    """Count by bin; a bin may come several times.

    The sums go through floats, which are exact far beyond any count.
    """
    pairs = _pairs(packed)
    return np.bincount(pairs["bin"], pairs["count"], len(_FIRSTS)).astype(np.int64)
