"""Cuts a question's buckets of time into pieces, each for the coarsest table that has it clean."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from core.quarters import QUARTERS_AN_HOUR, Quarter, days, last_hour, months, next_hour

Fine: TypeAlias = Literal["quarters", "hours"]
Interval: TypeAlias = tuple[Quarter, Quarter]


@dataclass(frozen=True, slots=True)
class Piece:
    """From ``start`` to before ``end``; ``slot`` is what its sums are added up under."""

    slot: int
    start: Quarter
    end: Quarter


@dataclass(frozen=True, slots=True)
class Pieces:
    months: list[Piece] = field(default_factory=list)
    days: list[Piece] = field(default_factory=list)
    fine: list[Piece] = field(default_factory=list)
    raw: list[Piece] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Grains:
    """Which tables there are that will do, made for which zone."""

    zone: ZoneInfo
    fine: Fine
    days: bool
    months: bool


def cut(buckets: Sequence[Piece], dirty: Sequence[Quarter], grains: Grains) -> Pieces:
    """``dirty`` are the starts of dirty hours (UTC) in order."""
    pieces = Pieces()
    day_edges = days(buckets[0].start, buckets[-1].end, grains.zone) if grains.days and buckets else []
    month_edges = months(day_edges, grains.zone) if grains.months else []
    for bucket in buckets:
        for start, end, clean in _parted(bucket.start, bucket.end, dirty):
            part = Piece(bucket.slot, start, end)
            if not clean:
                pieces.raw.append(part)
                continue
            short = [
                rest for kept in _take(part, month_edges, pieces.months) for rest in _take(kept, day_edges, pieces.days)
            ]
            for rest in short:
                _cut_fine(rest, grains, pieces)
    return pieces


def _parted(start: Quarter, end: Quarter, dirty: Sequence[Quarter]) -> Iterator[tuple[Quarter, Quarter, bool]]:
    """Yield the interval in clean and dirty parts, in order."""
    at = start
    for hour in dirty[bisect_right(dirty, start - QUARTERS_AN_HOUR) : bisect_left(dirty, end)]:
        if hour > at:
            yield at, hour, True
        until = min(hour + QUARTERS_AN_HOUR, end)
        yield max(hour, at), until, False
        at = until
    if at < end:
        yield at, end, True


def _take(piece: Piece, edges: Sequence[Quarter], taken: list[Piece]) -> Iterator[Piece]:
    """Take what lies between the first and the last of the edges within; what is left of the piece comes back."""
    first, last = bisect_left(edges, piece.start), bisect_right(edges, piece.end) - 1
    if first >= last:
        yield piece
        return
    taken.append(Piece(piece.slot, edges[first], edges[last]))
    for start, end in ((piece.start, edges[first]), (edges[last], piece.end)):
        if start < end:
            yield Piece(piece.slot, start, end)


def _cut_fine(piece: Piece, grains: Grains, pieces: Pieces) -> None:
    if grains.fine == "quarters":
        pieces.fine.append(piece)
        return
    first, last = next_hour(piece.start, grains.zone), last_hour(piece.end, grains.zone)
    if first >= last:
        pieces.raw.append(piece)
        return
    for start, end, kept in (
        (piece.start, first, pieces.raw),
        (first, last, pieces.fine),
        (last, piece.end, pieces.raw),
    ):
        if start < end:
            kept.append(Piece(piece.slot, start, end))


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the pieces in order, those that touch or overlap made one."""
    whole: list[Interval] = []
    for start, end in sorted(intervals):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole
