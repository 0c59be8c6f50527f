"""The tables follow the ledger, whoever refreshes them and wherever that breaks off."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Table, event, func, select, update

from core.analytics.rollups import refresher as refresher_module
from core.analytics.rollups.__main__ import check, rebuild
from core.analytics.rollups.check import differences
from core.analytics.rollups.histogram import Histogram
from core.analytics.rollups.pieces import Piece
from core.analytics.rollups.question import Question
from core.analytics.rollups.refresh import Overtaken, refresh
from core.analytics.rollups.refresher import Refresher
from core.analytics.rollups.snapshot import snapshot
from core.analytics.rollups.state import empty_tables, tables_zone
from core.errors import StoreError
from core.quarters import quarter_of
from core.store.database import Store
from core.store.rollups import DAYS, LATENCIES, LATENCY_DAYS, LATENCY_MONTHS
from core.store.tables import DirtyBucket
from tests.core.analytics.rollups.histories import History

NOW = datetime(2026, 11, 12, 15, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
DAY, LATENCY_DAY, LATENCY_MONTH = (tables[frozenset()] for tables in (DAYS, LATENCY_DAYS, LATENCY_MONTHS))


def a_history(store: Store, turns: int = 30) -> History:
    history = History(store)
    for number in range(turns):
        history.turn(NOW - timedelta(hours=5 * number, minutes=number), number)
    return history


def marks(store: Store) -> int:
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(DirtyBucket.__table__)).scalar_one())


def refresh_all(store: Store, zone: ZoneInfo = BERLIN, now: datetime = NOW) -> None:
    while refresh(store, zone, now):
        pass


def whole(store: Store) -> Question:
    return Question((Piece(0, quarter_of(NOW) - 96 * 40, quarter_of(NOW) + 96),), ("spend_nanos", "calls", "traces"))


def latencies(store: Store, question: Question) -> object:
    with snapshot(store) as moment:
        return moment.latencies(question)


def answer(store: Store) -> object:
    with snapshot(store) as moment:
        return moment.ask(whole(store))


def test_hours_that_are_over_become_clean_and_the_present_one_stays_dirty(store: Store) -> None:
    history = a_history(store)
    refresh_all(store)
    with snapshot(store) as moment:
        assert moment.dirty == [quarter_of(NOW.replace(minute=0))]
        assert moment.zone == BERLIN
        assert moment.ask(whole(store)) == history.sums(whole(store))
    assert list(differences(store)) == []
    assert refresh(store, BERLIN, NOW) == 0


def test_clean_days_are_read_from_the_tables(store: Store) -> None:
    a_history(store)
    refresh_all(store)
    before = answer(store)
    more = update(DAY).values(spend_nanos=DAY.c.spend_nanos + 1)
    store.write(lambda connection: connection.execute(more).rowcount).result()
    assert answer(store) != before


def test_a_check_finds_what_differs_and_a_rebuild_mends_it(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    history = a_history(store)
    refresh_all(store)
    assert check(store) == 0
    store.write(lambda connection: connection.execute(update(DAY).values(calls=7)).rowcount).result()
    assert check(store) == 1
    assert "rollup_days differs from the ledger on 2026-11-1" in capsys.readouterr().out
    assert rebuild(store, ZoneInfo("Asia/Kolkata")) == 0
    assert check(store) == 0
    with store.read() as connection:
        assert tables_zone(connection) == ZoneInfo("Asia/Kolkata")
    assert answer(store) == history.sums(whole(store))


@pytest.mark.parametrize(
    ("table", "days_ahead", "found"),
    [(LATENCY_DAY, 1, "from the ledger on 2026-11-1"), (LATENCY_MONTH, 30, "from its days in the month")],
)
def test_latencies_of_clean_days_and_months_are_read_checked_and_mended(
    store: Store, capsys: pytest.CaptureFixture[str], table: Table, days_ahead: int, found: str
) -> None:
    history, now = a_history(store), quarter_of(NOW)
    refresh_all(store, now=NOW + timedelta(hours=1))
    question = Question((Piece(0, now - 96 * 40, now + 96 * days_ahead),), LATENCIES)
    forged = update(table).values(durations=Histogram.of([1]).packed)
    store.write(lambda connection: connection.execute(forged).rowcount).result()
    assert latencies(store, question) != history.latencies(question)
    assert check(store) == 1
    assert f"{table.name} differs {found}" in capsys.readouterr().out
    rebuild(store, BERLIN)
    assert latencies(store, question) == history.latencies(question)
    assert check(store) == 0


def test_rows_for_traces_that_are_not_there_are_found(store: Store) -> None:
    a_history(store, 3)
    refresh_all(store)
    store.write(lambda connection: connection.execute(update(DAY).values(at=DAY.c.at - 96 * 30)).rowcount).result()
    assert any("2026-10" in sentence for sentence in differences(store))


def test_tables_begun_anew_are_right_before_they_are_filled(store: Store) -> None:
    history = a_history(store)
    store.write(lambda connection: empty_tables(connection, BERLIN)).result()
    assert answer(store) == history.sums(whole(store))


def test_an_empty_installation_can_be_refreshed_checked_and_rebuilt(store: Store) -> None:
    assert refresh(store, BERLIN, NOW) == 0
    assert check(store) == 0
    assert rebuild(store, BERLIN) == 0
    assert answer(store) == {}


def test_of_two_that_refresh_the_same_hours_one_is_overtaken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    history = a_history(store, 5)
    refresh(store, BERLIN, NOW - timedelta(days=9))  # sets the zone, and finds nothing that old
    write, overtaking = store.write, list[int]()

    def write_after_another(job: object) -> object:
        if not overtaking:
            overtaking.append(1)
            refresh(store, BERLIN, NOW)
        return write(job)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "write", write_after_another)
    with pytest.raises(Overtaken):
        refresh(store, BERLIN, NOW)
    assert answer(store) == history.sums(whole(store))
    assert list(differences(store)) == []


def test_many_may_refresh_while_turns_end(store: Store) -> None:
    history = a_history(store, 12)

    def refreshing() -> None:
        refresher = Refresher(store, BERLIN, lambda: NOW)
        for _ in range(10):
            refresher.catch_up()

    threads = [threading.Thread(target=refreshing) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(12):
        history.turn(NOW - timedelta(hours=3 * number, minutes=3), number)
        history.correct()
    for thread in threads:
        thread.join()
    assert answer(store) == history.sums(whole(store))
    refresh_all(store)
    assert answer(store) == history.sums(whole(store))
    assert list(differences(store)) == []


@pytest.mark.parametrize("statement", range(1, 60, 7))
def test_a_refresh_that_breaks_off_changes_nothing(sqlite_store: Store, statement: int) -> None:
    history = a_history(sqlite_store, 6)
    refresh(sqlite_store, BERLIN, NOW - timedelta(days=9))
    marked, broken = marks(sqlite_store), False

    def failing(connection: Connection) -> None:
        """What the refresh would have done, up to that statement."""
        seen = 0

        @event.listens_for(connection, "before_cursor_execute")
        def count(*_: object) -> None:
            nonlocal seen
            seen += 1
            if seen == statement:
                raise StoreError("The disk has failed for a test.")

    write = sqlite_store.write

    def write_and_fail(job: object) -> object:
        def both(connection: Connection) -> object:
            failing(connection)
            return job(connection)  # type: ignore[operator]

        return write(both)

    sqlite_store.write = write_and_fail  # type: ignore[method-assign, assignment]
    try:
        refresh(sqlite_store, BERLIN, NOW)
    except StoreError:
        broken = True
    sqlite_store.write = write  # type: ignore[method-assign]
    assert broken == (marks(sqlite_store) == marked)
    assert answer(sqlite_store) == history.sums(whole(sqlite_store))


@pytest.mark.parametrize("error", [StoreError("The database is away for a test."), RuntimeError("a defect")])
def test_a_refresher_tries_again_whatever_went_wrong(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    history = a_history(sqlite_store, 3)
    refresher = Refresher(sqlite_store, BERLIN, lambda: NOW)
    with monkeypatch.context() as patched:
        patched.setattr(refresher_module, "refresh", _raising(error))
        refresher.catch_up()
    refresher.catch_up()
    assert marks(sqlite_store) == 1
    assert answer(sqlite_store) == history.sums(whole(sqlite_store))


def _raising(error: Exception) -> Callable[..., int]:
    def fail(*_: object) -> int:
        raise error

    return fail


def test_the_number_of_a_cleared_mark_is_never_given_again(store: Store) -> None:
    def ids() -> list[int]:
        with store.read() as connection:
            return [mark for (mark,) in connection.execute(select(DirtyBucket.__table__.c.id))]

    history = History(store)
    history.turn(NOW - timedelta(days=1), 0)
    before = ids()
    refresh_all(store)
    history.turn(NOW - timedelta(days=1), 0)
    assert before
    assert min(ids()) > max(before)
