"""The waterfall's bars: each phase where it belongs, every step with a name of its own."""

from dataclasses import replace
from itertools import combinations, cycle
from math import dist
from operator import mul
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.analytics.trace_parts import SpanRow
from core.analytics.trace_tree import Place, SessionRow
from core.analytics.traces import TraceDetail
from core.store.database import Store
from pages.parts.trace_labels import labels_of
from pages.parts.waterfall import MOST_ROWS, PHASES, waterfall
from tests.core.acts import Acts, an_errand
from tests.core.analytics.conftest import books_in


@pytest.fixture
def detail(sqlite_store: Store) -> TraceDetail:
    books = books_in(sqlite_store)
    return books.traces.detail(books.by, books.add(spans=2))


@pytest.fixture
def acted(sqlite_store: Store) -> TraceDetail:
    books = books_in(sqlite_store)
    acts = Acts(sqlite_store, books.person, books.agent, books.conversation)
    others = (books.rows.agent(books.person, name) for name in ("Researcher", "Archivist"))
    return books.traces.detail(books.by, an_errand(acts, *others).trace)


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


def test_every_row_has_a_name_of_its_own_in_the_order_of_the_tree(acted: TraceDetail) -> None:
    assert drawn(acted)["layer"][0]["encoding"]["y"]["scale"]["domain"] == [
        "Request",
        "└ Helper",
        "└─ Attempt 1 of call 1",
        "└─ Attempt 2 of call 1",
        "└─ calculator",
        "└─ fetch_url 1",
        "└─ fetch_url 2",
        "└─ ask Researcher",
        "└── Researcher (2)",
        "└─── Model call 1 (2)",
        "└─── ask Archivist (2)",
        "└──── Archivist (3)",
        "└───── Model call 1 (3)",
        "└─── Model call 2 (2)",
        "└─ Model call 2",
    ]


@given(st.lists(st.sampled_from(["Request", "a", "a 1", "a (2)", "ask a", "Model call 1"]), min_size=6, max_size=6))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_agents_and_tools_are_called_no_two_labels_are_the_same(acted: TraceDetail, names: list[str]) -> None:
    given_names = cycle(names)
    renamed = replace(acted, tree=tuple(replace(place, of=called(place.of, next(given_names))) for place in acted.tree))
    labels = labels_of(renamed)
    assert len(set(labels.values())) == len(labels) == len(acted.tree) + 1


def called(of: SessionRow | SpanRow, name: str) -> SessionRow | SpanRow:
    return replace(of, agent_name=name) if isinstance(of, SessionRow) else replace(of, tool_name=name)


def test_tools_and_the_wait_for_consent_have_bars_and_the_legend_has_what_occurs(acted: TraceDetail) -> None:
    chart = drawn(acted)
    bars = {(row["step"], row["phase"]): (row["start"], row["end"]) for row in rows(chart)}
    assert bars["└─ fetch_url 1", "waiting for approval"] == (2.01, 3.51)
    assert bars["└─ fetch_url 1", "tool"] == (3.51, 4.41)
    assert bars["└─ ask Researcher", "tool"] == (2.03, 7.03)
    start, end = bars["└─ calculator", "tool"]
    assert 0 < end - start < 0.05
    assert ("└─ fetch_url 2", "tool") not in bars
    assert colours(chart) == {name: PHASES[name] for name in PHASES if name != "queue"}


def colours(chart: dict[str, Any]) -> dict[str, str]:
    scale = chart["layer"][1]["encoding"]["color"]["scale"]
    return dict(zip(scale["domain"], scale["range"], strict=True))


def test_the_legend_of_a_plain_answer_knows_no_tools(detail: TraceDetail) -> None:
    assert list(colours(drawn(detail))) == ["first token", "streaming"]


@pytest.mark.parametrize("calls", [30, 61, 1_000])
def test_many_steps_make_no_endless_chart(detail: TraceDetail, calls: int) -> None:
    span = replace(detail.spans[0], kind="tool", tool_name="calculator")
    more = tuple(Place(replace(span, id=f"{number}"), 2) for number in range(calls))
    chart = drawn(replace(detail, tree=(*detail.tree, *more)))
    assert chart["height"] <= 1_200
    assert len(chart["layer"][0]["encoding"]["y"]["scale"]["domain"]) == min(calls + 4, MOST_ROWS)


# How the three kinds of colour blindness see linear red, green and blue (Machado, Oliveira and Fernandes, 2009).
SIGHTS = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "no green": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "no blue": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


def seen(colour: str, sight: str) -> tuple[float, float, float]:
    """In CIELAB."""
    linear = [(int(colour[place : place + 2], 16) / 255) ** 2.2 for place in (1, 3, 5)]
    red, green, blue = (min(1, max(0, sum(map(mul, row, linear)))) for row in SIGHTS[sight])
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    x, y, z = (max(part, 1e-9) ** (1 / 3) for part in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_phases_are_told_apart_by_the_colour_blind(sight: str) -> None:
    for one, other in combinations(PHASES.values(), 2):
        assert dist(seen(one, sight), seen(other, sight)) > 20, (one, other)


def test_there_is_nothing_to_draw_of_what_has_only_begun(detail: TraceDetail) -> None:
    begun = replace(detail, trace=replace(detail.trace, duration_ms=None), tree=())
    assert waterfall(begun) is None
