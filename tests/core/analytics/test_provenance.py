"""Whose money it was is told apart everywhere, and names that are equal never make one of two people."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.analytics.choice import Choice, as_address, default_choice, read_address
from core.analytics.costs import Costs
from core.analytics.filters import PROVENANCES
from core.analytics.names import KEY_SOURCES
from core.analytics.rollups.check import differences
from core.analytics.rollups.refresh import refresh
from core.analytics.rollups.state import empty_tables
from core.analytics.traces import Traces
from core.exports.columns import FileName
from core.store.database import Store
from core.store.tables import LedgerLine, TaskTrace
from tests.core.acts import Acts
from tests.core.books.in_store import rows
from tests.core.exports.ledgers import EVERY_FILE, exported
from tests.core.rows import ADMIN, Rows

AT = datetime(2026, 11, 10, 9, 30, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
KINDS = [("real", each) for each in KEY_SOURCES] + [("real", ""), ("simulated", ""), ("demo", "")]


def a_turn(store: Store, who: tuple[str, str, str], number: int, **columns: Any) -> str:
    acts = Acts(store, *who, at=AT + timedelta(hours=5 * number))
    acts.call(acts.session(who[1], 0, 100), 1, 0, 100, cost=10**number)
    return acts.write(**columns)


@pytest.fixture
def mixed(store: Store) -> Store:
    """One turn of each kind of money, each with a sum of its own."""
    put = Rows(store)
    person = put.person()
    agent = put.agent(person)
    who = person, agent, put.conversation(person, agent)
    for number, (provenance, key_source) in enumerate(KINDS):
        a_turn(store, who, number, provenance=provenance, key_source=key_source)
    return store


def choices(names: Iterable[str]) -> list[tuple[str, ...]]:
    return [chosen for size in range(4) for chosen in combinations(names, size)]


@pytest.mark.parametrize("refreshed", [False, True])
def test_e3_every_filter_by_money_and_key_is_the_ledgers_sum(mixed: Store, refreshed: bool) -> None:
    if refreshed:
        mixed.write(lambda connection: empty_tables(connection, UTC_ZONE)).result()
        while refresh(mixed, UTC_ZONE, AT + timedelta(days=9)):
            pass
    assert list(differences(mixed)) == []
    costs, traces = Costs(mixed), Traces(mixed)
    names = costs.names(ADMIN)
    kind_of = {row["id"]: (row["provenance"], row["key_source"]) for row in rows(mixed, TaskTrace)}
    for provenances in choices(PROVENANCES):
        for sources in choices(KEY_SOURCES):
            chosen = Choice(
                UTC_ZONE, date(2026, 11, 1), date(2026, 11, 30), provenances=provenances, key_sources=sources
            )
            ids = {
                id_
                for id_, (provenance, source) in kind_of.items()
                if (not provenances or provenance in provenances) and (not sources or source in sources)
            }
            due = sum(line["amount_nanos"] for line in rows(mixed, LedgerLine) if line["task_trace_id"] in ids)
            assert costs.total(ADMIN, chosen).spend == due
            assert sum(part.spend.spend for part in costs.parts(ADMIN, chosen, "person", names)) == due
            assert {row.id for row in traces.page(ADMIN, chosen.filter)} == ids
            if refreshed:
                assert column(mixed, "ledger", "trace_id", chosen) == ids == column(mixed, "traces", "trace_id", chosen)


def column(store: Store, file: FileName, name: str, chosen: Choice | None = None) -> set[str]:
    read = exported(store, file) if chosen is None else exported(store, file, chosen.filter)
    return {row[name] for row in csv.DictReader(io.StringIO(read.decode(), newline=""))}


def test_e3_files_tell_whose_money_it_was_and_whose_key_paid(mixed: Store) -> None:
    for file in EVERY_FILE:
        read = csv.DictReader(io.StringIO(exported(mixed, file).decode(), newline=""))
        told = {(row["provenance"], row["key_source"], row["simulated"]) for row in read}
        assert told == {(each, source, "false" if each == "real" else "true") for each, source in KINDS}


@pytest.mark.parametrize(
    ("there", "usual"),
    [
        ([], ()),
        (["real"], ()),
        (["simulated"], ()),
        (["demo", "simulated"], ()),
        (["demo", "real"], ("real",)),
        (["real", "simulated"], ("real",)),
        (["demo", "real", "simulated"], ("real",)),
    ],
)
def test_e3_only_real_money_is_looked_at_by_itself_where_there_is_any(
    store: Store, there: list[str], usual: tuple[str, ...]
) -> None:
    put = Rows(store)
    person = put.person()
    agent = put.agent(person)
    conversation = put.conversation(person, agent)
    for each in there:
        put.trace(person, agent, conversation, provenance=each)
    names = Costs(store).names(ADMIN)
    assert set(names.provenance) == set(there)
    assert names.usual == usual
    now = AT + timedelta(days=1)
    choice = default_choice(UTC_ZONE, now, names.usual)
    assert choice.filter.provenances == usual
    for provenances in choices(PROVENANCES):
        chosen = Choice(UTC_ZONE, choice.first, choice.last, choice.preset, provenances=provenances, usual=usual)
        read, problems = read_address(as_address(chosen, UTC_ZONE), UTC_ZONE, now, names.options, names.usual)
        assert (read, problems) == (chosen, [])


def test_e2_equal_names_are_told_apart_everywhere_and_add_up(store: Store) -> None:
    put = Rows(store)
    people = [put.person("Ada"), put.person("Ada"), put.person("Bob")]
    agent = put.agent(people[0])
    for number, person in enumerate(people):
        a_turn(store, (person, agent, put.conversation(person, agent)), number)
    costs = Costs(store)
    names = costs.names(ADMIN)
    ada, other, bob = (names.person[person] for person in people)
    assert (bob, ada) == ("Bob", f"Ada ({people[0]}@example.org)")
    assert len({ada, other, bob}) == 3
    choice = Choice(UTC_ZONE, date(2026, 11, 1), date(2026, 11, 30), by="person")
    view = costs.view(ADMIN, choice, names, AT)
    assert {group.id: group.spend for group in view.tops["person"]} == {
        person: 10**number for number, person in enumerate(people)
    }
    assert {step.name for step in view.steps if step.spend} == {ada, other, bob}
    assert sum(group.spend for group in view.tops["person"]) == view.total.spend == 111
    for file in EVERY_FILE:
        assert column(store, file, "person_id") == set(people)
        assert column(store, file, "person_email") == {f"{person}@example.org" for person in people}
        assert column(store, file, "agent_id") == {agent}
