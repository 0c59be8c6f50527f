"""At every moment of a random history the answers are what the ledger says, from whatever tables they come."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.analytics.filters import TraceFilter
from core.analytics.rollups.pieces import Piece
from core.analytics.rollups.question import Question
from core.analytics.rollups.refresh import refresh
from core.analytics.rollups.snapshot import snapshot
from core.analytics.rollups.state import empty_tables
from core.quarters import quarter_of
from core.store.database import Store
from core.store.rollups import LATENCIES, MEASURES
from tests.core.analytics.rollups.histories import MODELS, History

ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"]
START = datetime(2026, 3, 20, tzinfo=UTC)  # clocks change in Europe and on Lord Howe within the weeks that follow
FIRST = quarter_of(START)
SPAN = 80 * 96

quarters = st.integers(0, SPAN - 1)
steps = st.lists(
    st.tuples(st.sampled_from(("turn", "turn", "turn", "correct", "refresh")), quarters, st.integers(0, 23)),
    min_size=1,
    max_size=20,
)
indexes = st.sets(st.integers(0, 1), max_size=2)
choices = st.fixed_dictionaries(
    {
        "agents": indexes,
        "models": indexes,
        "people": indexes,
        "statuses": st.sets(st.sampled_from(("completed", "stopped", "interrupted")), max_size=2),
        "bases": st.sets(st.sampled_from(("computed", "estimated", "unpriced")), max_size=2),
    }
)
questions = st.fixed_dictionaries(
    {
        "chosen": st.just(dict[str, Any]()) | choices,
        "by": st.sampled_from((None, "agent", "model", "person")),
        "edges": st.lists(st.integers(0, SPAN), min_size=2, max_size=5, unique=True).map(sorted),
        "by_hour_of_week": st.booleans(),
        "shift": st.integers(-40, 48),
    }
)


def question_of(drawn: dict[str, Any], history: History) -> Question:
    named: dict[str, Any] = {"agents": history.agents, "models": MODELS, "people": history.people}
    chosen: Any = {
        name: tuple(named[name][value] for value in sorted(values)) if name in named else tuple(sorted(values))
        for name, values in drawn["chosen"].items()
    }
    slots = [drawn["shift"]] * 5 if drawn["by_hour_of_week"] else range(5)
    edges = zip(slots, pairwise(drawn["edges"]), strict=False)
    return Question(
        buckets=tuple(Piece(slot, FIRST + start, FIRST + end) for slot, (start, end) in edges),
        measures=MEASURES,
        chosen=TraceFilter(**chosen),
        by=drawn["by"],
        by_hour_of_week=drawn["by_hour_of_week"],
    )


def play(history: History, zone: ZoneInfo, step: tuple[str, int, int]) -> None:
    kind, quarter, variant = step
    at = START + timedelta(minutes=15 * quarter, seconds=quarter % 900)
    actions: dict[str, Callable[[], object]] = {
        "turn": lambda: history.turn(at, variant),
        "correct": history.correct,
        "refresh": lambda: refresh(history.store, zone, at),
    }
    actions[kind]()


@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.sampled_from(ZONES), steps, st.lists(questions, min_size=1, max_size=3))
def test_every_answer_is_what_the_ledger_says(
    store: Store, zone_name: str, steps: list[tuple[str, int, int]], drawn: list[dict[str, Any]]
) -> None:
    """The database grows from example to example; the tables are begun anew in another zone."""
    history, zone = History(store), ZoneInfo(zone_name)
    asked = [question_of(one, history) for one in drawn]
    timed = [replace(question, measures=LATENCIES) for question in asked]
    store.write(lambda connection: empty_tables(connection, zone)).result()
    for step in steps:
        play(history, zone, step)
        with snapshot(store) as moment:
            answers = [moment.ask(question) for question in asked]
            latencies = [moment.latencies(question) for question in timed]
        assert answers == [history.sums(question) for question in asked]
        assert latencies == [history.latencies(question) for question in timed]
