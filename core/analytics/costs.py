"""All that the Costs page shows, out of one moment of the books."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic

from core.access.roles import Person, scope
from core.analytics.accuracy import Accuracy, compare, summed_up
from core.analytics.calendar import Range, first_of_month, last_of_month, same_clocks
from core.analytics.choice import DIMENSIONS, Choice
from core.analytics.names import Names, read_names
from core.analytics.parts import Part, Unit, read_parts
from core.analytics.rollups.latency import NO_TIME, Latency
from core.analytics.rollups.pieces import Piece
from core.analytics.rollups.question import HOURS_A_WEEK, Dimension, Question, Sums
from core.analytics.rollups.snapshot import Snapshot, snapshot
from core.analytics.spend import Spend
from core.money import Nanos
from core.quarters import quarter_of
from core.store.database import Store
from core.store.rollups import LATENCIES, MEASURES

SHOWN_APART = 8
"""How many groups a chart over time tells apart; the rest are one more."""
OTHERS = ""
_SHOWN_OF_GROUPS = ("spend_nanos", "calls", "unpriced_calls")
_THURSDAY = 3
_REPLIES_COMPARED, _ACCURACY_SECONDS = 300, 600.0


@dataclass(frozen=True, slots=True)
class Group:
    """An agent, model or person; for models ``id`` and ``name`` are the same.

    ``before`` was spent in the period of as many days just before.
    """

    id: str
    name: str
    spend: Nanos
    calls: int
    unpriced_calls: int
    before: Nanos


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of a chart over time: where it begins on the zone's clocks, and of whom (OTHERS: all not told apart)."""

    begins: datetime
    id: str
    name: str
    spend: Nanos
    calls: int
    unpriced_calls: int


@dataclass(frozen=True, slots=True)
class HourOfWeek:
    """``weekday`` 0 is Monday; ``hour`` is on the zone's clocks."""

    weekday: int
    hour: int
    spend: Nanos
    calls: int
    unpriced_calls: int


@dataclass(frozen=True, slots=True)
class MonthSoFar:
    """``projected``: if the rest of the month went on as its days that are over; None on its first day.

    It is never less than ``spend``.
    """

    first: date
    last: date
    spend: Nanos
    unpriced_calls: int
    projected: Nanos | None


@dataclass(frozen=True, slots=True)
class Took:
    """How long the answers to all, to a group, or to all others took."""

    name: str
    latency: Latency


@dataclass(frozen=True, slots=True)
class CostsView:
    """``before`` is the period of as many days just before; ``course`` the total in each step of the range.

    ``latencies`` are those of the whole range, of the groups of ``steps``, and of the rest.
    """

    total: Spend
    before: Spend
    course: list[tuple[datetime, Spend]]
    steps: list[Step]
    tops: dict[Dimension, list[Group]]
    week: list[HourOfWeek]
    month: MonthSoFar
    latencies: list[Took]


class Costs:
    """Reads only, from any thread, and for everybody no more than they may see. Raises NotAllowed, StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._accuracy: tuple[float, Accuracy | None] | None = None

    def accuracy(self) -> Accuracy | None:
        """Return how near the estimates of the newest finished replies are; None for none. Looked at now and then."""
        if self._accuracy is None or monotonic() - self._accuracy[0] > _ACCURACY_SECONDS:
            with self._store.read() as connection:
                self._accuracy = monotonic(), summed_up(compare(connection, _REPLIES_COMPARED))
        return self._accuracy[1]

    def names(self, by: Person) -> Names:
        """Return what the person can choose."""
        with self._store.read() as connection:
            return read_names(connection, scope(by))

    def view(self, by: Person, choice: Choice, names: Names, now: datetime) -> CostsView:
        """Everything in it is of the same moment."""
        choice = choice.within(scope(by))
        with snapshot(self._store) as moment:
            return _View(moment, choice, names, now).read()

    def parts(self, by: Person, choice: Choice, unit: Unit, names: Names) -> list[Part]:
        """Sum up the choice, but for its text, part by part. Raises InputError for more parts than are told."""
        choice = choice.within(scope(by))
        with snapshot(self._store) as moment:
            return read_parts(moment, choice, unit, names)

    def total(self, by: Person, choice: Choice) -> Spend:
        """Sum up the choice, but for its text."""
        choice = choice.within(scope(by))
        with snapshot(self._store) as moment:
            return _total(moment.ask(Question((choice.range.whole,), MEASURES, choice.filter)))


@dataclass(frozen=True, slots=True)
class _View:
    moment: Snapshot
    choice: Choice
    names: Names
    now: datetime

    def read(self) -> CostsView:
        steps = self.choice.range.steps()
        course = self._course(steps)
        tops = {dimension: self._top(dimension) for dimension in DIMENSIONS}
        apart = tops[self.choice.by][:SHOWN_APART]
        return CostsView(
            total=sum((sums for _, sums in course), Spend()),
            before=_total(self._ask((self.choice.range.before().whole,))),
            course=course,
            steps=list(self._steps(steps, course, apart)),
            tops=tops,
            week=list(self._week()),
            month=self._month(),
            latencies=list(self._latencies(apart)),
        )

    def _ask(self, buckets: Sequence[Piece], measures: tuple[str, ...] = MEASURES, by: Dimension | None = None) -> Sums:
        return self.moment.ask(Question(tuple(buckets), measures, self.choice.filter, by))

    def _course(self, steps: Sequence[Piece]) -> list[tuple[datetime, Spend]]:
        sums = self._ask(steps)
        return [(self.choice.range.wall_clock(step.start), Spend.of(sums.get((step.slot, ""), ()))) for step in steps]

    def _top(self, dimension: Dimension) -> list[Group]:
        sums = self._ask((self.choice.range.whole,), _SHOWN_OF_GROUPS, dimension)
        before = self._ask((self.choice.range.before().whole,), ("spend_nanos",), dimension)
        groups = [
            Group(id_, self.names.of(dimension, id_), *values, *before.get((slot, id_), (0,)))
            for (slot, id_), values in sums.items()
        ]
        return sorted(groups, key=lambda group: (-group.spend, -group.calls, group.name))

    def _steps(
        self, steps: Sequence[Piece], course: Sequence[tuple[datetime, Spend]], apart: Sequence[Group]
    ) -> Iterator[Step]:
        """Yield the groups that are told apart, and in each step what is left of its total for all others."""
        names = {group.id: group.name for group in apart}
        by, rest = self.choice.by, [[sums.spend, sums.calls, sums.unpriced_calls] for _, sums in course]
        if names:
            only = self.choice.narrowed(by, tuple(names))
            question = Question(tuple(steps), _SHOWN_OF_GROUPS, only.filter, by)
            for (slot, id_), values in sorted(self.moment.ask(question).items()):
                rest[slot] = [left - value for left, value in zip(rest[slot], values, strict=True)]
                yield Step(course[slot][0], id_, names[id_], *values)
        for (begins, _), left in zip(course, rest, strict=True):
            if any(left):
                yield Step(begins, OTHERS, "all others", *left)

    def _week(self) -> Iterator[HourOfWeek]:
        parts = same_clocks(self.choice.range)
        question = Question(parts, _SHOWN_OF_GROUPS, self.choice.filter, by_hour_of_week=True)
        sums = self.moment.ask(question)
        for slot in range(HOURS_A_WEEK):
            yield HourOfWeek((slot // 24 + _THURSDAY) % 7, slot % 24, *sums.get((slot, ""), (0, 0, 0)))

    def _latencies(self, apart: Sequence[Group]) -> Iterator[Took]:
        whole, by = (self.choice.range.whole,), self.choice.by
        rest = self.moment.latencies(Question(whole, LATENCIES, self.choice.filter)).get("", NO_TIME)
        yield Took("All", rest)
        only = self.choice.narrowed(by, tuple(group.id for group in apart))
        parts = self.moment.latencies(Question(whole, LATENCIES, only.filter, by)) if apart else {}
        for group in apart:
            if group.id in parts:
                rest -= parts[group.id]
                yield Took(group.name, parts[group.id])
        if rest != NO_TIME:
            yield Took("all others", rest)

    def _month(self) -> MonthSoFar:
        zone = self.choice.zone
        today = self.now.astimezone(zone).date()
        first, last = first_of_month(today), last_of_month(today)
        so_far = Range(first, today, zone)
        today_begins = Range(today, today, zone).start
        buckets = (Piece(0, so_far.start, today_begins), Piece(1, today_begins, quarter_of(self.now) + 1))
        sums = self._ask([bucket for bucket in buckets if bucket.start < bucket.end], ("spend_nanos", "unpriced_calls"))
        (over, not_in_it), (of_today, not_in_todays) = (sums.get((slot, ""), (0, 0)) for slot in (0, 1))
        days_over = (today - first) // timedelta(days=1)
        projected = _projected(over, of_today, days_over, last.day) if days_over else None
        return MonthSoFar(first, last, over + of_today, not_in_it + not_in_todays, projected)


def _projected(over: Nanos, of_today: Nanos, days_over: int, days: int) -> Nanos:
    """If each day from today cost what those that are over did on average; today no less than it has already."""
    following = round_half_even(over * (days - days_over - 1), days_over)
    return max(round_half_even(over * days, days_over), over + of_today + following)


def round_half_even(numerator: int, denominator: int) -> int:
    """Divide and round half to even, exact whatever their size."""
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1))


def _total(sums: Sums) -> Spend:
    return sum((Spend.of(values) for values in sums.values()), Spend())
