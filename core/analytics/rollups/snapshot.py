"""One moment of the books: every answer in it agrees with the ledger and with every other answer."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from operator import add
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from core.analytics.rollups.facts import Fact, read_facts
from core.analytics.rollups.latency import Latency, latencies
from core.analytics.rollups.pieces import Fine, Grains, Piece, Pieces, cut, joined
from core.analytics.rollups.question import Question, Sums
from core.analytics.rollups.state import tables_zone
from core.analytics.rollups.tables import sum_up
from core.quarters import QUARTERS_AN_HOUR, Quarter, next_hour, quarter_of
from core.store.database import Store
from core.store.rollups import DAYS, HOURS, LATENCY_DAYS, LATENCY_MONTHS, MEASURES, MONTHS, QUARTERS
from core.store.tables import DirtyBucket

_marks = DirtyBucket.__table__
(_hours,) = HOURS.values()
_FINE = defaultdict(lambda: _hours, QUARTERS)


@contextmanager
def snapshot(store: Store) -> Iterator["Snapshot"]:
    """Raises StoreError if the database cannot be used."""
    with store.read() as connection:
        yield Snapshot(connection)


class Snapshot:
    """Only within its transaction, and in one thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._facts: dict[Quarter, list[Fact]] = {}

    @cached_property
    def dirty(self) -> list[Quarter]:
        """The starts of the hours (UTC) whose sums only the ledger knows, in order."""
        marked = self._connection.execute(select(_marks.c.hour).distinct())
        return sorted(quarter_of(hour) for (hour,) in marked)

    @cached_property
    def zone(self) -> ZoneInfo | None:
        """The zone that the tables were made for; None if they have never been made."""
        return tables_zone(self._connection)

    def ask(self, question: Question) -> Sums:
        pieces = self._pieces(question)
        answer = defaultdict[tuple[int, str], tuple[int, ...]](lambda: (0,) * len(question.measures))
        for tables, found in ((MONTHS, pieces.months), (DAYS, pieces.days), (_FINE, pieces.fine)):
            if found:
                _add(answer, sum_up(self._connection, tables[question.dimensions], found, question))
        for piece in pieces.raw:
            _add_facts(answer, question, piece, self._facts_within(piece, pieces.raw))
        return dict(answer)

    def latencies(self, question: Question) -> dict[str, Latency]:
        """Return latencies by group; the slots of the buckets make no difference. ``measures`` are LATENCIES."""
        return latencies(self._connection, self._latency_pieces(question), question)

    def _latency_pieces(self, question: Question) -> Pieces:
        if self.zone is None:
            return Pieces(raw=list(question.buckets))
        days, months = (question.dimensions in tables for tables in (LATENCY_DAYS, LATENCY_MONTHS))
        return cut(question.buckets, self.dirty, Grains(self.zone, "hours", days=days, months=months))

    def _pieces(self, question: Question) -> Pieces:
        fine: Fine = "quarters" if question.dimensions in QUARTERS else "hours"
        if self.zone is None or (fine == "hours" and _out_of_step(question, self.zone)):
            return Pieces(raw=list(question.buckets))
        days, months = (question.dimensions in tables and not question.by_hour_of_week for tables in (DAYS, MONTHS))
        return cut(question.buckets, self.dirty, Grains(self.zone, fine, days=days, months=months))

    def _facts_within(self, piece: Piece, all_raw: Sequence[Piece]) -> Iterator[Fact]:
        hours = range(piece.start // QUARTERS_AN_HOUR, -(-piece.end // QUARTERS_AN_HOUR))
        if any(hour not in self._facts for hour in hours):
            self._read(all_raw)
        return (fact for hour in hours for fact in self._facts[hour] if piece.start <= fact.at < piece.end)

    def _read(self, pieces: Iterable[Piece]) -> None:
        """Whole hours, so that the next question finds them here."""
        wanted = joined((each.start // QUARTERS_AN_HOUR, -(-each.end // QUARTERS_AN_HOUR)) for each in pieces)
        for first, last in wanted:
            for hour in range(first, last):
                self._facts[hour] = []
            for fact in read_facts(self._connection, first * QUARTERS_AN_HOUR, last * QUARTERS_AN_HOUR):
                self._facts[fact.at // QUARTERS_AN_HOUR].append(fact)


def _out_of_step(question: Question, zone: ZoneInfo) -> bool:
    """Return whether hours of the week are asked for in a zone whose hours do not begin with those of the tables."""
    if not question.by_hour_of_week:
        return False
    return any((next_hour(bucket.start, zone) + bucket.slot) % QUARTERS_AN_HOUR for bucket in question.buckets)


def _add(answer: dict[tuple[int, str], tuple[int, ...]], more: Sums) -> None:
    for key, sums in more.items():
        answer[key] = tuple(map(add, answer[key], sums))


def _add_facts(
    answer: dict[tuple[int, str], tuple[int, ...]], question: Question, piece: Piece, facts: Iterable[Fact]
) -> None:
    places = [MEASURES.index(measure) for measure in question.measures]
    for fact in facts:
        if question.holds(fact):
            group = str(getattr(fact, question.by)) if question.by else ""
            key = question.slot_of(fact.at, piece.slot), group
            answer[key] = tuple(map(add, answer[key], (fact.sums[place] for place in places)))
