"""The databases themselves refuse to change a ledger line or an agent's version."""

import pytest
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import IntegrityError

from core.store.database import Store
from core.store.tables import AgentVersion, LedgerLine
from tests.core.store.samples import LINE, add_books

CHANGES = [
    "UPDATE ledger_lines SET amount_nanos = 0",
    "UPDATE ledger_lines SET line = 2",
    "DELETE FROM ledger_lines",
    "UPDATE agent_versions SET system_prompt = 'another'",
    "DELETE FROM agent_versions",
]
SQLITE_CHANGES = [
    "INSERT OR REPLACE INTO ledger_lines SELECT * FROM ledger_lines",
    "UPDATE OR REPLACE ledger_lines SET amount_nanos = 0",
    "INSERT INTO ledger_lines SELECT * FROM ledger_lines WHERE true ON CONFLICT DO UPDATE SET amount_nanos = 0",
    "INSERT OR REPLACE INTO agent_versions SELECT * FROM agent_versions",
]
POSTGRESQL_CHANGES = [
    "TRUNCATE ledger_lines",
    "TRUNCATE agent_versions",
    "INSERT INTO ledger_lines SELECT * FROM ledger_lines ON CONFLICT (span_id, line) DO UPDATE SET amount_nanos = 0",
]


def books(store: Store) -> list[object]:
    with store.read() as connection:
        return [connection.execute(table.__table__.select()).all() for table in (LedgerLine, AgentVersion)]


@pytest.fixture
def kept(store: Store) -> list[object]:
    store.write(add_books).result()
    return books(store)


def refused(store: Store, statement: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        store.write(lambda connection: connection.execute(text(statement)).close()).result()


@pytest.mark.parametrize("statement", CHANGES)
def test_a_change_is_refused_and_nothing_is_lost(store: Store, kept: list[object], statement: str) -> None:
    refused(store, statement)
    assert books(store) == kept


@pytest.mark.parametrize("statement", SQLITE_CHANGES)
def test_sqlite_knows_the_ways_around_a_trigger(sqlite_store: Store, statement: str) -> None:
    sqlite_store.write(add_books).result()
    before = books(sqlite_store)
    refused(sqlite_store, statement)
    assert books(sqlite_store) == before


@pytest.mark.parametrize("statement", POSTGRESQL_CHANGES)
def test_postgresql_knows_the_ways_around_a_trigger(postgresql_store: Store, statement: str) -> None:
    postgresql_store.write(add_books).result()
    before = books(postgresql_store)
    refused(postgresql_store, statement)
    assert books(postgresql_store) == before


def test_a_correction_is_a_further_line(store: Store, kept: list[object]) -> None:
    further = LINE | {"line": 2, "quantity": -7, "amount_nanos": -21, "correction": True}

    def correct(connection: Connection) -> None:
        connection.execute(insert(LedgerLine.__table__), further)

    store.write(correct).result()
    with store.read() as connection:
        amounts = connection.execute(text("SELECT amount_nanos FROM ledger_lines ORDER BY line")).scalars().all()
    assert amounts == [21, -21]


def test_a_line_of_a_span_that_is_not_there_is_refused(store: Store, kept: list[object]) -> None:
    stray = LINE | {"span_id": "nowhere"}
    with pytest.raises(IntegrityError):
        store.write(lambda connection: connection.execute(insert(LedgerLine.__table__), stray).close()).result()
    assert books(store) == kept
