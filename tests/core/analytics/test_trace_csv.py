"""The CSV of traces: to the byte, back through a reader, summing to the books, in constant memory."""

import csv
import io
import re
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.analytics.trace_csv import TRACE_COLUMNS, csv_chunks, safe_text, utc_time
from core.analytics.trace_row import TraceRow
from core.store.database import Store
from core.store.tables import TaskTrace
from core.usage import Usage
from tests.core.analytics.conftest import Books, books_in
from tests.core.rows import AT

GOLDEN = Path(__file__).parent / "golden" / "traces.csv"
IDS = [f"019a-{number}" for number in range(4)]


def rows_of(text: str) -> list[dict[str, str]]:
    """As a program would read the file."""
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_the_file_is_exactly_this(store: Store) -> None:
    books = books_in(store, person='Zoë "Zo" O\'Neil, PhD', agent="=HYPERLINK(1)")
    tokens = {"input_tokens": 1_234_567, "cache_write_5m_tokens": 2, "cache_write_1h_tokens": 3, "web_searches": 7}
    big = {"cache_read_tokens": 4, "output_tokens": 6, "thinking_tokens": 5, "cost_nanos": 12_345_678_901}
    books.add(id=IDS[3], started_at=AT + timedelta(microseconds=1), **tokens, **big)
    failed = {"status": "failed", "error_type": "-5+1", "cost_nanos": 0, "time_to_first_token_ms": None}
    books.add(id=IDS[2], simulated=False, spans=3, **failed)
    books.add(id=IDS[1], cost_nanos=None, cost_basis="unpriced")
    books.add(id=IDS[0], status="running", cost_nanos=None, cost_basis=None, duration_ms=None, source="a\r\nb")
    text = "".join(books.traces.csv()).replace(books.conversation, "019a-c")
    assert text.encode() == GOLDEN.read_bytes()


def test_without_any_trace_the_file_is_its_header(books: Books) -> None:
    assert list(books.traces.csv()) == [",".join(name for name, _ in TRACE_COLUMNS) + "\r\n"]


def test_every_column_has_a_name_of_its_own_and_a_meaning() -> None:
    names = [name for name, _ in TRACE_COLUMNS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)
    assert all(meaning.endswith(".") for _, meaning in TRACE_COLUMNS)


@pytest.mark.parametrize("begin", "=+-@\t\r\n\0＝＋－＠")
def test_text_that_could_be_a_formula_is_given_an_apostrophe(begin: str) -> None:
    assert safe_text(f"{begin}1+1") == f"'{begin}1+1"


@pytest.mark.parametrize("text", ["", "Ada", "a=b", "'quoted'", " =1", "ünï", "1-2"])
def test_other_text_is_left_alone(text: str) -> None:
    assert safe_text(text) == text


def test_times_are_utc_wherever_they_come_from() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    assert utc_time(datetime(2026, 11, 20, 21, 0, 0, 7, tzinfo=india)) == "2026-11-20T15:30:00.000007Z"


counts = st.integers(0, 2**63 - 1)
traces = st.builds(
    TraceRow,
    id=st.uuids().map(str),
    started_at=st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    status=st.text(),
    agent_name=st.text(),
    model=st.text(),
    person=st.text(),
    conversation_id=st.text(),
    source=st.text(),
    simulated=st.booleans(),
    usage=st.builds(Usage, counts, counts, counts, counts, counts, counts, counts),
    total=st.none() | st.integers(-(2**63), 2**63 - 1),
    basis=st.none() | st.text(),
    duration_ms=st.none() | counts,
    time_to_first_token_ms=st.none() | counts,
    error_type=st.none() | st.text(),
    attempts=counts,
)


@given(st.lists(st.lists(traces, max_size=3), max_size=3))
def test_whatever_the_rows_hold_a_reader_gets_it_back(batches: list[list[TraceRow]]) -> None:
    chunks = list(csv_chunks(batches))
    assert len(chunks) == 1 + len(batches)
    read = rows_of("".join(chunks))
    written = [row for rows in batches for row in rows]
    assert len(read) == len(written)
    for cells, row in zip(read, written, strict=True):
        assert list(cells) == [name for name, _ in TRACE_COLUMNS]
        texts = (row.person, row.agent_name, row.model, row.source, row.status, row.error_type or "")
        named = ("person", "agent", "model", "source", "status", "error_type")
        assert [cells[name] for name in named] == [safe_text(text) for text in texts]
        assert datetime.fromisoformat(cells["started_at"]) == row.started_at
        assert cells["started_at"].endswith("Z")
        assert (int(cells["cache_write_1h_tokens"]), int(cells["attempts"])) == (row.usage.cache_write_1h, row.attempts)
        assert cells["duration_ms"] == ("" if row.duration_ms is None else str(row.duration_ms))
        assert cells["simulated"] == ("true" if row.simulated else "false")
        assert (Decimal(cells["cost_usd"]) * 10**9 if cells["cost_usd"] else None) == row.total
        assert not any(cell.startswith(tuple("=+@\t\r\n\0＝＋－＠")) for cell in cells.values())


def test_the_sum_of_the_file_is_the_sum_of_the_books_over_many_batches(books: Books, store: Store) -> None:
    tallies = [{"started_at": AT + timedelta(seconds=number), "cost_nanos": number * 7 + 1} for number in range(2_500)]
    books.add_all([*tallies, {"cost_nanos": None, "cost_basis": "unpriced"}])
    with store.read() as connection:
        booked = connection.execute(select(func.sum(TaskTrace.__table__.c.cost_nanos))).scalar_one()
    chunks = list(books.traces.csv())
    read = rows_of("".join(chunks))
    assert len(chunks) == 4
    assert len(read) == len({row["trace_id"] for row in read}) == books.traces.count() == 2_501
    assert sum(Decimal(row["cost_usd"]) for row in read if row["cost_usd"]) * 10**9 == booked
    assert [row["cost_basis"] for row in read if not row["cost_usd"]] == ["unpriced"]
    assert [row["started_at"] for row in read] == sorted((row["started_at"] for row in read), reverse=True)


def test_memory_does_not_grow_with_the_file(books: Books) -> None:
    def peak() -> int:
        tracemalloc.start()
        length = sum(map(len, books.traces.csv()))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert length > 200 * books.traces.count()
        return most

    books.add_all([{}] * 2_000)
    peak()
    small = peak()
    books.add_all([{}] * 8_000)
    assert peak() < 1.3 * small


def test_a_download_broken_off_gives_the_database_back(books: Books) -> None:
    books.add_all([{}] * 1_100)
    for _ in range(70):
        chunks = books.traces.csv()
        next(chunks)
        next(chunks)
        chunks.close()
    assert books.traces.count() == 1_100
