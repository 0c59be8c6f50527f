"""The waterfall's bars: each phase where it belongs, every step with a name of its own."""

from dataclasses import replace
from typing import Any

import pytest

from core.analytics.traces import TraceDetail
from core.store.database import Store
from pages.parts.waterfall import labels_of, waterfall
from tests.core.analytics.conftest import books_in


@pytest.fixture
def detail(sqlite_store: Store) -> TraceDetail:
    books = books_in(sqlite_store)
    return books.traces.detail(books.add(spans=2))


def drawn(detail: TraceDetail) -> dict[str, Any]:
    chart = waterfall(detail)
    assert chart is not None
    found: dict[str, Any] = chart.to_dict()
    return found


def rows(chart: dict[str, Any]) -> list[dict[str, Any]]:
    [values] = chart["datasets"].values()
    return list(values)


def test_each_phase_is_a_bar_in_seconds(detail: TraceDetail) -> None:
    found = [(row["step"], row["phase"], row["start"], row["end"]) for row in rows(drawn(detail))]
    assert found == [
        ("Request", "whole", 0, 3),
        ("└ Helper", "whole", 0, 3),
        ("└─ Attempt 1", "first token", 0, 0.4),
        ("└─ Attempt 1", "streaming", 0.4, 3),
        ("└─ Attempt 2", "first token", 0, 0.4),
        ("└─ Attempt 2", "streaming", 0.4, 3),
    ]
    assert {row["took"] for row in rows(drawn(detail))} == {"3.0 s", "400 ms", "2.6 s"}


def test_its_height_grows_with_its_steps(detail: TraceDetail) -> None:
    [session] = detail.sessions
    taller = replace(detail, sessions=(session, replace(session, id="other", spans=())))
    assert drawn(taller)["height"] - drawn(detail)["height"] == 30


def test_every_step_has_a_name_of_its_own(detail: TraceDetail) -> None:
    [session] = detail.sessions
    spans = tuple(replace(span, id=f"{span.id}-2") for span in session.spans)
    twice = replace(detail, sessions=(session, replace(session, id="other", spans=spans)))
    names = labels_of(twice).values()
    assert list(names) == [
        "Request",
        "Helper (1)",
        "Attempt 1 (1)",
        "Attempt 2 (1)",
        "Helper (2)",
        "Attempt 1 (2)",
        "Attempt 2 (2)",
    ]


def test_there_is_nothing_to_draw_of_what_has_only_begun(detail: TraceDetail) -> None:
    begun = replace(detail, trace=replace(detail.trace, duration_ms=None), sessions=())
    assert waterfall(begun) is None
