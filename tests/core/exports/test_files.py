"""The files to the byte: their golden ones, their columns, and what is done to text."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.exports.cells import safe_text
from core.exports.columns import FILES, FileName
from core.store.database import Store
from core.store.tables import LedgerLine
from tests.core.analytics.conftest import books_in
from tests.core.exports.ledgers import EVERY_FILE, Ledgers, exported
from tests.core.rows import AT

GOLDEN = Path(__file__).parent / "golden"
IDS = [f"019a-{number}" for number in range(4)]
_lines = LedgerLine.__table__


def test_the_file_of_traces_is_exactly_this(store: Store) -> None:
    books = books_in(store, person='Zoë "Zo" O\'Neil, PhD', agent="=HYPERLINK(1)")
    tokens = {"input_tokens": 1_234_567, "cache_write_5m_tokens": 2, "cache_write_1h_tokens": 3, "web_searches": 7}
    big = {"cache_read_tokens": 4, "output_tokens": 6, "thinking_tokens": 5, "cost_nanos": 12_345_678_901}
    books.add(id=IDS[3], started_at=AT + timedelta(microseconds=1), **tokens, **big)
    failed = {"status": "failed", "error_type": "-5+1", "cost_nanos": 0, "time_to_first_token_ms": None}
    books.add(id=IDS[2], simulated=False, spans=3, **failed)
    books.add(id=IDS[1], cost_nanos=None, cost_basis="unpriced")
    books.add(id=IDS[0], status="running", cost_nanos=None, cost_basis=None, duration_ms=None, source="a\r\nb")
    assert _with_short_ids(exported(store, "traces"), c=books.conversation, p=books.person, a=books.agent) == _golden(
        "traces"
    )


def test_the_file_of_the_ledger_is_exactly_this(store: Store) -> None:
    books = Ledgers(store)
    books.people.append(books.rows.person("Ada, Countess"))
    books.agents.append(books.rows.agent(books.people[0], "@Helper"))
    cached = {"unit": "cache_read", "quantity": 1_000, "unit_price_usd": "0.0000003", "amount_nanos": 300_000}
    trace = books.trace([], id=IDS[1], started_at=AT + timedelta(microseconds=1))
    books.lines(
        trace,
        [
            {"amount_nanos": 12_345_678_901},
            {**cached, "uncached_nanos": 3_000_000, "estimated": True},
            {**cached, "amount_nanos": -300_000, "quantity": -1_000, "correction": True},
            {"unit_price_usd": None, "amount_nanos": None, "price_source": None, "price_from": None},
        ],
    )
    earlier = books.trace([{"price_source": '=1, "or" so', "model": "a\nb"}], id=IDS[0])
    file = _with_short_ids(exported(store, "ledger"), p=books.people[-1], a=books.agents[-1])
    for number, each in enumerate((earlier, trace)):
        file = file.replace(_span_of(store, each), f"019b-{number}".encode())
    assert file == _golden("ledger")


def _with_short_ids(file: bytes, **ids: str) -> bytes:
    for letter, id_ in ids.items():
        file = file.replace(id_.encode(), f"019a-{letter}".encode())
    return file


def _span_of(store: Store, trace: str) -> bytes:
    with store.read() as connection:
        query = select(_lines.c.span_id).where(_lines.c.task_trace_id == trace).limit(1)
        return str(connection.execute(query).scalar_one()).encode()


def _golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.csv").read_bytes()


@pytest.mark.parametrize("file", EVERY_FILE)
def test_without_any_trace_a_file_is_its_header(store: Store, file: FileName) -> None:
    assert exported(store, file) == ",".join(column.name for column in FILES[file].columns).encode() + b"\r\n"


@pytest.mark.parametrize("file", EVERY_FILE)
def test_every_column_has_a_name_of_its_own_and_a_meaning(file: FileName) -> None:
    names = [column.name for column in FILES[file].columns]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)
    assert all(column.meaning.endswith(".") for column in FILES[file].columns)


@pytest.mark.parametrize("begin", "=+-@\t\r\n＝＋－＠")
def test_t3_text_that_could_be_a_formula_is_given_an_apostrophe(begin: str) -> None:
    assert safe_text(f"{begin}1+1") == f"'{begin}1+1"


@pytest.mark.parametrize("text", ["", "Ada", "a=b", "'quoted'", " =1", "ünï", "1-2"])
def test_other_text_is_left_alone(text: str) -> None:
    assert safe_text(text) == text
