"""Cuts a question's buckets of time into pieces, each for the coarsest table that has it clean."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from core.analytics.quarters import QUARTERS_AN_HOUR, Quarter, days, last_hour, next_hour

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
    days: list[Piece] = field(default_factory=list)
    fine: list[Piece] = field(default_factory=list)
    raw: list[Piece] = field(default_factory=list)


def cut(buckets: Sequence[Piece], dirty: Sequence[Quarter], zone: ZoneInfo, *, fine: Fine, by_day: bool) -> Pieces:
    """``dirty`` are the starts of dirty hours (UTC) in order; ``zone`` is the one the tables were made for."""
    pieces = Pieces()
    edges = days(buckets[0].start, buckets[-1].end, zone) if by_day and buckets else []
    for bucket in buckets:
        for start, end, clean in _parted(bucket.start, bucket.end, dirty):
            if not clean:
                pieces.raw.append(Piece(bucket.slot, start, end))
                continue
            whole = _whole_days(start, end, edges)
            if whole[0] < whole[1]:
                pieces.days.append(Piece(bucket.slot, *whole))
            for rest in ((start, whole[0]), (whole[1], end)):
                _cut_fine(Piece(bucket.slot, *rest), zone, fine, pieces)
    return pieces


def _parted(start: Quarter, end: Quarter, dirty: Sequence[Quarter]) -> Iterator[tuple[Quarter, Quarter, bool]]:
    """The interval in clean and dirty parts, in order."""
    at = start
    for hour in dirty[bisect_right(dirty, start - QUARTERS_AN_HOUR) : bisect_left(dirty, end)]:
        if hour > at:
            yield at, hour, True
        until = min(hour + QUARTERS_AN_HOUR, end)
        yield max(hour, at), until, False
        at = until
    if at < end:
        yield at, end, True


def _whole_days(start: Quarter, end: Quarter, edges: Sequence[Quarter]) -> Interval:
    """From the first to the last of the edges within; an empty interval at the start if there are not two."""
    first, last = bisect_left(edges, start), bisect_right(edges, end) - 1
    return (edges[first], edges[last]) if first < last else (start, start)


def _cut_fine(piece: Piece, zone: ZoneInfo, fine: Fine, pieces: Pieces) -> None:
    if piece.start >= piece.end:
        return
    if fine == "quarters":
        pieces.fine.append(piece)
        return
    first, last = next_hour(piece.start, zone), last_hour(piece.end, zone)
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
    """In order, those that touch or overlap made one."""
    whole: list[Interval] = []
    for start, end in sorted(intervals):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole
