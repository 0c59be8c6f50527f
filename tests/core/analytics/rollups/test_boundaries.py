"""A quarter begins at the same microsecond in Python and in both databases, so that no turn near it leaves the sums."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlmodel.sql.sqltypes import UTCDateTime

from core.analytics.rollups.check import differences
from core.analytics.rollups.facts import quarter, read_facts
from core.analytics.rollups.pieces import Piece
from core.analytics.rollups.question import Question
from core.analytics.rollups.refresh import refresh
from core.analytics.rollups.snapshot import snapshot
from core.quarters import quarter_of, start_of
from core.store.database import Store
from tests.core.analytics.rollups.histories import History

BOUNDARY = datetime(2026, 11, 12, 15, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_times = Table("times", MetaData(), Column("place", Integer, primary_key=True), Column("at", UTCDateTime))


def test_d1_a_boundary_is_one_in_python_and_in_the_database_to_the_microsecond(store: Store) -> None:
    around = [BOUNDARY + place * _MICROSECOND for place in range(-1_500, 1_501)]
    around += [BOUNDARY + place * 97 * _MICROSECOND for place in range(-15_000, 15_001)]
    rows = [{"place": place, "at": at} for place, at in enumerate(around)]
    store.write(_times.create).result()
    store.write(lambda connection: connection.execute(insert(_times), rows)).result()
    with store.read() as connection:
        found = connection.execute(select(quarter(store.dialect, _times.c.at)).order_by(_times.c.place)).scalars()
        assert list(found) == [quarter_of(at) for at in around]


@given(st.timedeltas(timedelta(), timedelta(days=50_000)))
def test_d1_a_quarter_holds_what_lies_between_its_starts(since: timedelta) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + since
    assert start_of(quarter_of(at)) <= at < start_of(quarter_of(at) + 1)
    assert quarter_of(start_of(quarter_of(at))) == quarter_of(at)
    assert quarter_of(start_of(quarter_of(at)) - _MICROSECOND) == quarter_of(at) - 1


@pytest.mark.parametrize("before", [1, 499, 500, 501])
def test_d1_a_turn_just_before_an_hour_is_in_the_sums_dirty_clean_and_checked(store: Store, before: int) -> None:
    history = History(store)
    history.turn(BOUNDARY - before * _MICROSECOND, 0)
    history.turn(BOUNDARY, 1)
    last = quarter_of(BOUNDARY)
    question = Question((Piece(0, last - 4, last), Piece(1, last, last + 4)), ("spend_nanos", "calls"), by="model")
    expected = history.sums(question)
    assert {slot for slot, _ in expected} == {0, 1}
    with store.read() as connection:
        assert [fact.at for fact in read_facts(connection, last - 4, last)] == [last - 1]
    for _ in range(3):
        with snapshot(store) as moment:
            assert moment.ask(question) == expected
        assert list(differences(store)) == []
        refresh(store, ZoneInfo("UTC"), BOUNDARY + timedelta(days=1))
