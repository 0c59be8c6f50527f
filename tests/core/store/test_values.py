"""What is written is what is read: times, whole numbers, texts and JSON, to the last bit or refused."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, delete, func, insert, select
from sqlalchemy.exc import StatementError

from core.clock import new_id
from core.store.database import Store
from core.store.tables import DirtyBucket, Message, TraceSpan
from core.store.text import storable
from tests.core.store.samples import AT, MARKS, TALLY, add_books

MANY = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001
# Any string Python can hold, with what databases stumble over made common.
TEXTS = st.text(st.one_of(st.characters(codec=None), st.sampled_from("\0\ud83d\ude00\udfff\ufffd'\"\\%é")), max_size=30)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def through(store: Store, table: Any, row: dict[str, Any]) -> Any:
    """The row as it is read back after a committed write."""
    rows: Table = table.__table__

    def job(connection: Connection) -> None:
        connection.execute(insert(rows), row)

    store.write(job).result()
    with store.read() as connection:
        newest = select(rows).order_by(rows.c.id.desc()).limit(1)
        return connection.execute(newest).mappings().one()


@MANY
@given(moment=MOMENTS)
def test_a_time_comes_back_as_the_same_moment_in_utc(store: Store, moment: datetime) -> None:
    read = through(store, DirtyBucket, {"hour": moment})["hour"]
    assert (read, read.tzinfo) == (moment, UTC)


@MANY
@given(moments=st.lists(MOMENTS, min_size=2, max_size=5, unique=True))
def test_times_sort_as_moments_whatever_zone_they_came_in(store: Store, moments: list[datetime]) -> None:
    def job(connection: Connection) -> None:
        connection.execute(delete(MARKS))
        connection.execute(insert(MARKS), [{"hour": moment} for moment in moments])

    store.write(job).result()
    with store.read() as connection:
        assert connection.execute(select(MARKS.c.hour).order_by(MARKS.c.hour)).scalars().all() == sorted(moments)
        before = select(func.count()).where(MARKS.c.hour < max(moments))
        assert connection.execute(before).scalar() == len(moments) - 1


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(StatementError, match="timezone"):
        through(store, DirtyBucket, {"hour": datetime(2026, 1, 1)})  # noqa: DTZ001


@pytest.fixture
def spans(store: Store) -> Callable[..., Any]:
    store.write(add_books).result()
    parents = {"trace_session_id": "session", "task_trace_id": "trace", "kind": "model_call", "attempt": 1}
    return lambda **values: through(
        store, TraceSpan, {**TALLY, **parents, "model": "m", "id": f"t{new_id()}", **values}
    )


@MANY
@given(amount=st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1]))
def test_whole_numbers_are_exact_up_to_64_bits(spans: Callable[..., Any], amount: int) -> None:
    span = spans(cost_nanos=amount, input_tokens=amount)
    assert (span["cost_nanos"], span["input_tokens"]) == (amount, amount)
    assert type(span["cost_nanos"]) is int


def test_a_number_beyond_64_bits_is_refused_not_rounded(spans: Callable[..., Any]) -> None:
    with pytest.raises((OverflowError, StatementError)):
        spans(cost_nanos=2**63)


@MANY
@given(words=TEXTS, usage=JSONS)
def test_no_text_is_refused_and_json_keeps_every_string(spans: Callable[..., Any], words: str, usage: Any) -> None:
    span = spans(error_text=words, usage={"kept": usage})
    assert span["error_text"] == storable(words)
    assert span["usage"] == {"kept": usage}


def test_unknown_usage_is_null_in_the_database(spans: Callable[..., Any], store: Store) -> None:
    spans(usage=None)
    with store.read() as connection:
        assert connection.execute(select(func.count(TraceSpan.__table__.c.usage))).scalar() == 0


@MANY
@given(words=TEXTS)
def test_a_message_can_hold_anything_a_program_may_send(store: Store, words: str) -> None:
    def job(connection: Connection) -> None:
        connection.execute(delete(Message.__table__))
        talks = connection.exec_driver_sql("SELECT count(*) FROM conversations").scalar()
        if not talks:
            add_books(connection)

    store.write(job).result()
    blocks = [{"type": "text", "text": words}]
    named = {"id": new_id(), "conversation_id": "talk", "role": "user", "status": "complete", "created_at": AT}
    message = through(store, Message, {**named, "content": blocks, "text": words})
    assert message["content"] == blocks
    assert json.dumps(message["content"]) == json.dumps(blocks)


@given(TEXTS)
def test_storable_text_can_be_encoded_and_stays_as_it_is(words: str) -> None:
    made = storable(words)
    assert "\0" not in made.encode().decode()
    assert storable(made) == made
    if "\0" not in words and words.isprintable() and words.encode("utf-8", "ignore").decode() == words:
        assert made == words


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a\0b", "a\ufffdb"), ("\ud83d\ude00", "\U0001f600"), ("é\ud83d!", "é\ufffd!"), ("\ude00\ud83d", "\ufffd\ufffd")],
)
def test_only_what_no_column_takes_is_replaced(text: str, kept: str) -> None:
    assert storable(text) == kept


def test_ids_sort_by_the_time_they_were_made() -> None:
    ids = [new_id() for _ in range(1000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
