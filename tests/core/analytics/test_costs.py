"""What Costs shows adds up: any grouping, any range and any zone come to the same whole, to the nano-dollar."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.access.roles import Person
from core.analytics.choice import DIMENSIONS, Choice
from core.analytics.costs import OTHERS, SHOWN_APART, Costs, CostsView, round_half_even
from core.analytics.filters import asked, conditions, of_sessions
from core.analytics.rollups.histogram import Histogram
from core.analytics.rollups.latency import Latency
from core.analytics.rollups.refresh import refresh
from core.analytics.spend import Spend
from core.analytics.traces import Traces
from core.store.database import Store
from core.store.tables import LedgerLine, TaskTrace, TraceSession, TraceSpan
from tests.core.acts import Acts, an_errand
from tests.core.analytics.rollups.histories import History
from tests.core.rows import ADMIN, Rows

NOW = datetime(2026, 11, 12, 15, 30, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
PUBLIC_CASES = Path(__file__).resolve().parents[2] / "golden" / "public_cases.json"

_lines, _traces = LedgerLine.__table__, TaskTrace.__table__
_sessions, _spans = TraceSession.__table__, TraceSpan.__table__


def choice(first: date, last: date, zone: str = "UTC", **chosen: Any) -> Choice:
    return Choice(ZoneInfo(zone), first, last, "", **chosen)


def view_of(store: Store, chosen: Choice, now: datetime = NOW) -> CostsView:
    costs = Costs(store)
    return costs.view(ADMIN, chosen, costs.names(ADMIN), now)


def in_ledger(store: Store, chosen: Choice) -> int:
    """The chosen sessions' ledger lines, added up by the database."""
    amount = func.coalesce(func.sum(_lines.c.amount_nanos), 0)
    query = (
        select(amount)
        .join(_traces, _traces.c.id == _lines.c.task_trace_id)
        .join(_spans, _spans.c.id == _lines.c.span_id)
        .join(_sessions, _sessions.c.id == _spans.c.trace_session_id)
        .where(*conditions(chosen.filter), *of_sessions(chosen.filter))
    )
    with store.read() as connection:
        return int(connection.execute(query).scalar_one())


def latency_in_books(store: Store, chosen: Choice) -> Latency:
    """Of the filtered traces, which all have ended."""
    query = select(_traces.c.duration_ms, _traces.c.time_to_first_token_ms).where(*asked(chosen.filter))
    with store.read() as connection:
        rows = connection.execute(query).all()
    return Latency(*(Histogram.of(row[of] for row in rows if row[of] is not None) for of in (0, 1)))


def some_turns(store: Store, number: int = 40) -> History:
    history = History(store)
    for turn in range(number):
        history.turn(NOW - timedelta(hours=7 * turn, minutes=turn), turn)
    return history


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.dates(date(2026, 10, 28), date(2026, 11, 12)),
    st.integers(0, 120),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]),
    st.sampled_from(DIMENSIONS),
    st.tuples(*[st.sets(st.integers(0, 1), max_size=2)] * 2),
    st.booleans(),
)
def test_every_part_of_the_page_comes_to_the_same_whole(
    store: Store, first: date, days: int, zone: str, by: Any, lists: tuple[set[int], set[int]], fresh: bool
) -> None:
    history = some_turns(store, 12)
    if fresh:
        refresh(store, UTC_ZONE, NOW)
    agents, people = (
        tuple(names[place] for place in sorted(places))
        for names, places in zip((history.agents, history.people), lists, strict=True)
    )
    chosen = choice(first, first + timedelta(days=days), zone, agents=agents, people=people, by=by)
    view = view_of(store, chosen)
    assert view.total.spend == in_ledger(store, chosen)
    assert sum((sums for _, sums in view.course), Spend()) == view.total
    for groups in view.tops.values():
        assert sum(group.spend for group in groups) == view.total.spend
        assert sum(group.calls for group in groups) == view.total.calls
    assert sum(step.spend for step in view.steps) == sum(cell.spend for cell in view.week) == view.total.spend
    traces = latency_in_books(store, chosen)
    assert [took.latency for took in view.latencies[:1]] == [traces]
    assert sum(took.latency.durations.count for took in view.latencies[1:]) == traces.durations.count
    assert sum(step.calls for step in view.steps) == sum(cell.calls for cell in view.week) == view.total.calls
    assert view.before.spend == in_ledger(store, _before(chosen))
    assert Costs(store).total(ADMIN, chosen) == view.total


def _before(chosen: Choice) -> Choice:
    before = chosen.range.before()
    return replace(chosen, first=before.first, last=before.last)


def test_days_of_a_zone_are_its_own(store: Store) -> None:
    history = History(store)
    history.turn(datetime(2026, 11, 10, 18, 20, tzinfo=UTC), 0)  # 23:50 in Kolkata
    history.turn(datetime(2026, 11, 10, 18, 40, tzinfo=UTC), 0)  # 00:10 of the next day there
    view = view_of(store, choice(date(2026, 11, 8), date(2026, 11, 12), "Asia/Kolkata"))
    assert [sums.calls for _, sums in view.course] == [0, 0, 1, 1, 0]
    assert [at.day for at, _ in view.course] == [8, 9, 10, 11, 12]
    assert {(cell.weekday, cell.hour) for cell in view.week if cell.calls} == {(1, 23), (2, 0)}
    assert view_of(store, choice(date(2026, 11, 10), date(2026, 11, 10))).total.calls == 2


def test_a_correction_changes_what_a_past_day_cost_at_once(store: Store) -> None:
    history, yesterday = History(store), NOW - timedelta(days=1)
    history.turn(yesterday, 2)
    refresh(store, UTC_ZONE, NOW)
    chosen = choice(date(2026, 11, 11), date(2026, 11, 11))
    guessed = view_of(store, chosen).total
    history.correct()
    corrected = view_of(store, chosen).total
    assert guessed.estimated == guessed.spend != corrected.spend
    assert corrected.estimated == 0
    assert corrected.saved != 0


def test_groups_beyond_the_first_are_one(store: Store) -> None:
    histories = [History(store) for _ in range(6)]
    for number, history in enumerate(histories):
        for kind in (0, 1):
            history.turn(NOW - timedelta(minutes=number), kind)
    view = view_of(store, choice(date(2026, 11, 12), date(2026, 11, 12), by="person"))
    assert len(view.tops["person"]) == 12
    assert len({step.id for step in view.steps} - {OTHERS}) == SHOWN_APART
    assert sum(step.calls for step in view.steps if step.id == OTHERS) == 12 - SHOWN_APART


def test_of_groups_beyond_the_first_it_is_told_together_how_long_they_took(store: Store) -> None:
    for number, history in enumerate([History(store) for _ in range(6)]):
        for kind in (0, 1):
            history.turn(NOW - timedelta(minutes=number), kind)
    whole, *parts, others = view_of(store, choice(date(2026, 11, 12), date(2026, 11, 12), by="person")).latencies
    assert [whole.name, others.name, len(parts)] == ["All", "all others", SHOWN_APART]
    assert [took.latency.durations.count for took in (whole, *parts, others)] == [12, *[1] * SHOWN_APART, 4]
    assert whole.latency.durations == Histogram.united([took.latency.durations.packed for took in (*parts, others)])
    assert whole.latency.durations == Histogram.of([0] * 6 + [37] * 6)


def test_the_month_is_projected_from_its_days_that_are_over(store: Store) -> None:
    history = History(store)
    for day in (2, 5, 12):
        history.turn(datetime(2026, 11, day, 12, tzinfo=UTC), 0)
    each = view_of(store, choice(date(2026, 11, 2), date(2026, 11, 2))).total.spend
    month = view_of(store, choice(date(2026, 11, 1), date(2026, 11, 1))).month
    assert (month.first, month.last, month.spend) == (date(2026, 11, 1), date(2026, 11, 30), 3 * each)
    assert month.projected == 3 * each + round_half_even(2 * each * 18, 11)
    before_noon = view_of(store, choice(date(2026, 11, 1), date(2026, 11, 1)), datetime(2026, 11, 12, 9, tzinfo=UTC))
    assert before_noon.month.projected == round_half_even(2 * each * 30, 11)
    assert (
        view_of(
            store, choice(date(2026, 11, 1), date(2026, 11, 1)), datetime(2026, 11, 1, 3, tzinfo=UTC)
        ).month.projected
        is None
    )


def test_what_is_unpriced_is_counted_and_never_a_zero_of_the_ledger(store: Store) -> None:
    history = History(store)
    history.turn(NOW, 4)  # on a model nobody knows
    total = view_of(store, choice(date(2026, 11, 12), date(2026, 11, 12))).total
    assert (total.calls, total.unpriced_calls, total.spend) == (1, 1, 0)
    assert total.quantity("input_tokens") == 1_000


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"), [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (10**30 + 1, 2, 5 * 10**29), (1, 3, 0)]
)
def test_money_is_divided_exactly_half_to_even(numerator: int, denominator: int, rounded: int) -> None:
    assert round_half_even(numerator, denominator) == rounded


@pytest.mark.parametrize("fresh", [False, True])
def test_who_sees_only_their_own_sees_what_choosing_it_shows(store: Store, fresh: bool) -> None:
    history, costs, traces = some_turns(store, 12), Costs(store), Traces(store)
    if fresh:
        refresh(store, UTC_ZONE, NOW)
    everything = choice(date(2026, 10, 28), date(2026, 11, 12))
    agents = frozenset(history.agents[:1])
    ada = Person(history.people[0], "Ada", "operator")
    for by, own in (
        (ada, replace(everything, people=(ada.id,))),
        (replace(ada, token_id="t", agents=agents), replace(everything, people=(ada.id,), agents=tuple(agents))),
        (replace(ADMIN, token_id="t", agents=agents), replace(everything, agents=tuple(agents))),
    ):
        names = costs.names(by)
        assert costs.view(by, everything, names, NOW) == costs.view(ADMIN, own, names, NOW)
        assert costs.total(by, everything).spend == in_ledger(store, own) > 0
        rows = traces.page(ADMIN, replace(own, agents=()).filter)
        mine = [row for row in rows if not own.agents or row.agent_name in names.agent.values()]
        assert traces.page(by, everything.filter) == mine
        assert len(mine) == traces.count(by) < traces.count(ADMIN)
        others = replace(everything, people=tuple(history.people[1:]), agents=tuple(history.agents[1:]))
        assert costs.total(by, others).calls == 0 or by.role == "admin"
    assert (set(names.agent), set(costs.names(ada).person)) == (set(agents), {ada.id})


def test_a_trace_belongs_to_the_agent_that_was_asked_first(store: Store) -> None:
    """A token for another agent that took part in it sees what that cost, and not the trace."""
    rows = Rows(store)
    ada = rows.person()
    master, helper, archivist = (rows.agent(ada, name) for name in ("Master", "Helper", "Archivist"))
    errand = an_errand(Acts(store, ada, master, rows.conversation(ada, master), at=NOW), helper, archivist)
    for agent, seen in ((master, [errand.trace]), (helper, [])):
        by = Person(ada, "Ada", "operator", "t", frozenset({agent}))
        assert [row.id for row in Traces(store).page(by)] == seen
        assert bool(Traces(store).ledger(by, errand.trace)) == bool(seen)
        assert Costs(store).total(by, choice(date(2026, 11, 12), date(2026, 11, 12))).calls > 0


def test_two_calls_in_an_hour_that_clocks_show_twice_are_two_rows(store: Store) -> None:
    [case] = [each for each in json.loads(PUBLIC_CASES.read_text()) if each["id"] == "dst-hour"]
    history = History(store)
    for at in case["input"]["at"]:
        history.turn(datetime.fromisoformat(at), 0)
    day, costs = date(2026, 11, 1), Costs(store)
    parts = costs.parts(ADMIN, choice(day, day, "America/New_York"), "hour", costs.names(ADMIN))
    assert [part.id for part in parts] == ["2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00"]
    assert len({part.spend.spend for part in parts}) == 1
