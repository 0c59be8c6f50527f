"""The demo month: offered where the books are empty, loaded and removed by one click each."""

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from core.access.audit import record
from core.access.roles import Permission, Person, allow, may
from core.clock import now
from core.demo import loading, removal
from core.demo.cast import read_cast
from core.demo.removal import count_traces
from core.demo.script import Month
from core.demo.state import Phase, State, read_state
from core.pricing import PriceBook
from core.store.database import Store
from core.store.tables import TaskTrace


class DemoMonth:
    """Any thread of any process may call this. What a crash leaves unfinished, the next call finishes."""

    def __init__(self, store: Store, book: PriceBook, zone: ZoneInfo) -> None:
        self._store, self._book, self._zone = store, book, zone

    def phase(self, by: Person) -> Phase | None:
        """Return the phase; None if there is no demo month, or none of it in what this person sees.

        Raises StoreError.
        """
        if not may(by, Permission.ALL_COSTS):
            return None
        with self._store.read() as connection:
            state = read_state(connection)
        return state.phase if state else None

    def offer(self, by: Person) -> bool:
        """Return whether the person may load it, and there is no trace at all and none under way. Raises StoreError."""
        if not may(by, Permission.DEMO):
            return False
        with self._store.read() as connection:
            if read_state(connection) is not None:
                return False
            return connection.execute(select(TaskTrace.__table__.c.id).limit(1)).first() is None

    def load(self, by: Person, today: date) -> int:
        """Load the 30 days before ``today`` and what of today is over; returns how many traces that is.

        A month that is there or was begun on another day is completed instead.

        Raises NotAllowed, StoreError, InputError.
        """
        allow(by, Permission.DEMO)
        state = self._begin(by, today)
        if state.phase == "loading":
            self._continue(state)
        with self._store.read() as connection:
            return count_traces(connection)

    def _begin(self, by: Person, today: date) -> State:
        until = min(now(), datetime.combine(today + timedelta(days=1), time(), self._zone).astimezone(UTC))
        wanted, month = State(today, until, "loading"), self._month(today)
        while True:
            with suppress(IntegrityError):  # another process was first: what it began is found next time
                state = self._store.write(lambda connection: _begin(connection, by, wanted, month)).result()
                if state.phase != "removing":
                    return state
                self.remove(by)

    def _continue(self, state: State) -> None:
        with self._store.read() as connection:
            month = loading.with_models(connection, self._month(state.today))
        for talks in loading.pieces(month, state.until):
            if not self._store.write(partial(loading.add, talks=talks, state=state)).result():
                return  # it is complete, or being removed
        self._store.write(partial(loading.complete, state=state)).result()

    def _month(self, today: date) -> Month:
        return Month(read_cast(), self._book, {}, today, self._zone)

    def remove(self, by: Person) -> int:
        """Take all of it away; returns how many traces that were. Raises NotAllowed, StoreError."""
        allow(by, Permission.DEMO)
        if not self._store.write(lambda connection: _remove(connection, by)).result():
            return 0
        removed = 0
        while some := self._store.write(removal.remove_some).result():
            removed += some
        self._store.write(removal.remove_rest).result()
        return removed


def _begin(connection: Connection, by: Person, wanted: State, month: Month) -> State:
    begun = loading.begin(connection, wanted, month)
    if begun is wanted:
        record(connection, by, "loaded", ("demo month", wanted.today.isoformat()))
    return begun


def _remove(connection: Connection, by: Person) -> bool:
    found = removal.begin(connection)
    if found:
        record(connection, by, "removed", ("demo month", ""))
    return found
