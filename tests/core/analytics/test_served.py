"""Sums by model are the ledger's, so that they match the provider's own report, and what they lead to agrees."""

from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from core.analytics.choice import Choice
from core.analytics.costs import Costs
from core.analytics.rollups.check import differences
from core.analytics.rollups.refresh import refresh
from core.analytics.traces import Traces
from core.chat.tally import Tally
from core.store.database import Store
from core.store.rollups import SERVED
from core.store.tables import LedgerLine, TaskTrace
from tests.core.books.histories import AT, a_call, a_finish, a_reply, an_end
from tests.core.books.in_store import finished, opened, recovered
from tests.core.exports.ledgers import exported, rows_of
from tests.core.rows import ADMIN, Rows

ZONE = ZoneInfo("UTC")
FALLBACK = {
    "input_tokens": 100,
    "output_tokens": 20,
    "iterations": [
        {"type": "message", "model": "claude-fable-5", "input_tokens": 900, "output_tokens": 3},
        {"type": "fallback_message", "model": "claude-opus-5-5", "input_tokens": 100, "output_tokens": 20},
    ],
}
ADVISED = {
    "input_tokens": 100,
    "output_tokens": 20,
    "iterations": [
        {"type": "message", "input_tokens": 100, "output_tokens": 20},
        {"type": "advisor_message", "model": "claude-fable-5", "input_tokens": 70, "output_tokens": 9},
    ],
}
PLAIN = {"input_tokens": 10, "output_tokens": 5}
ASKED_AND_ANSWERED: list[tuple[str, str, dict[str, Any]]] = [
    ("claude-fable-5", "claude-opus-5-5", FALLBACK),
    ("claude-opus-5-5", "claude-opus-5-5", ADVISED),
    ("claude-opus-5-5", "claude-opus-5-5", PLAIN),
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", PLAIN),
    ("claude-sonnet-4-5", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", PLAIN),
    ("gateway-choice", "claude-haiku-5-5", PLAIN),
]


@pytest.fixture
def filled(store: Store) -> Store:
    rows = Rows(store)
    person = rows.person("Ada")
    ids = person, rows.agent(person, "Helper")
    for hours, (asked, answered, usage) in enumerate(ASKED_AND_ANSWERED):
        opening = opened(store, ids, model=asked, at=AT - timedelta(hours=hours))
        reply = a_reply("Much.", usage, model=answered)
        assert finished(store, a_finish(opening, an_end(a_call(opening, reply=reply), "completed"), "completed", reply))
    return store


def _choice(**more: Any) -> Choice:
    return Choice(ZONE, date(2026, 11, 1), date(2026, 11, 30), "", **more)


def _by_model(store: Store) -> dict[str, int]:
    costs = Costs(store)
    return {part.id: part.spend.spend for part in costs.parts(ADMIN, _choice(), "model", costs.names(ADMIN))}


def _in_ledger(store: Store) -> dict[str, int]:
    lines = LedgerLine.__table__
    with store.read() as connection:
        found = connection.execute(select(lines.c.model, func.sum(lines.c.amount_nanos)).group_by(lines.c.model))
        return {row[0].removesuffix("-20250929"): int(row[1]) for row in found}


def test_b3_sums_by_model_are_those_of_the_ledgers_lines_before_and_after_they_are_kept(filled: Store) -> None:
    expected = _in_ledger(filled)
    assert set(expected) == {"claude-fable-5", "claude-opus-5-5", "claude-sonnet-4-5", "claude-haiku-5-5"}
    assert _by_model(filled) == expected
    later = AT.astimezone(UTC) + timedelta(days=40)
    while refresh(filled, ZONE, later):
        pass
    refresh(filled, ZONE, later)
    assert _by_model(filled) == expected
    assert list(differences(filled)) == []


def test_b3_a_choice_of_models_means_the_same_in_sums_lists_and_files(filled: Store) -> None:
    names = Costs(filled).names(ADMIN)
    for model, spend in _in_ledger(filled).items():
        assert model in names.model
        chosen = _choice(models=(model,))
        assert Costs(filled).total(ADMIN, chosen).spend == spend
        listed = Traces(filled).page(ADMIN, chosen.filter)
        billed = sum(
            line.amount or 0
            for row in listed
            for line in Traces(filled).ledger(ADMIN, row.id)
            if line.model.removesuffix("-20250929") == model
        )
        assert billed == spend
        assert Traces(filled).count(ADMIN, chosen.filter) == len(listed)
        rows = rows_of(exported(filled, "ledger", chosen.filter))
        assert {row["model"].removesuffix("-20250929") for row in rows} == {model}
        assert sum(Decimal(row["amount_usd"]).scaleb(9) for row in rows) == spend


def test_b3_only_traces_that_were_billed_for_other_models_are_noted(filled: Store) -> None:
    with filled.read() as connection:
        noted = connection.execute(select(SERVED.c.model).order_by(SERVED.c.model)).scalars().all()
    assert noted == ["claude-fable-5", "claude-haiku-5-5", "claude-opus-5-5"]


ANSWERED = {"claude-opus-5-5": 3, "claude-sonnet-4-5": 2, "claude-haiku-5-5": 1}
"""Messages by the model that wrote the answer: no advisor did."""


def _latencies(store: Store, **more: Any) -> dict[str, int]:
    costs = Costs(store)
    view = costs.view(ADMIN, _choice(by="model", **more), costs.names(ADMIN), AT + timedelta(days=5))
    return {took.name: took.latency.durations.count for took in view.latencies}


def test_b3_how_long_answers_took_goes_by_the_model_that_answered(filled: Store) -> None:
    for kept in (False, True):
        if kept:
            while refresh(filled, ZONE, AT.astimezone(UTC) + timedelta(days=40)):
                pass
        assert _latencies(filled) == {"All": 6, **ANSWERED}
        for model, count in ANSWERED.items():
            assert _latencies(filled, models=(model,))["All"] == count
        assert _latencies(filled, models=("claude-fable-5",))["All"] == 0
    assert list(differences(filled)) == []


def test_b3_counters_of_metrics_go_by_the_model_that_was_billed_as_the_ledger_does(filled: Store) -> None:
    tally = Tally()
    for asked, answered, usage in ASKED_AND_ANSWERED:
        opening = opened(filled, _ids(filled), model=asked)
        end = an_end(a_call(opening, reply=a_reply("Much.", usage, model=answered)), "completed")
        tally.add("completed", [end])
    counts, expected = tally.read(), _in_ledger(filled)
    assert counts.nanos == expected
    assert {model for model, _ in counts.tokens} == set(expected)
    assert sum(counts.tokens.values()) == 900 + 3 + 120 + 120 + 79 + 3 * 15 + 15
    assert {model: number for (model, *_), number in counts.calls.items()} == ANSWERED


def test_b3_a_true_end_that_comes_late_says_which_model_answered(store: Store) -> None:
    rows = Rows(store)
    person = rows.person("Ada")
    lost = opened(store, (person, rows.agent(person, "Helper")), model="gateway-choice")
    recovered(store)
    assert _answered(store) == [None]
    reply = a_reply("Much.", PLAIN, model="claude-haiku-5-5")
    finished(store, a_finish(lost, an_end(a_call(lost, reply=reply), "completed"), "completed", reply))
    assert _answered(store) == ["claude-haiku-5-5"]


def _answered(store: Store) -> list[str | None]:
    with store.read() as connection:
        return list(connection.execute(select(TaskTrace.__table__.c.answered_model)).scalars())


def _ids(store: Store) -> tuple[str, str]:
    with store.read() as connection:
        traces = TaskTrace.__table__
        row = connection.execute(select(traces.c.owner_id, traces.c.master_agent_id)).first()
    assert row is not None
    return row[0], row[1]
