"""The demo month: offered where the books are empty, loaded and removed by one click each."""

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

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

    def phase(self) -> Phase | None:
        """None: there is no demo month. Raises StoreError."""
        with self._store.read() as connection:
            state = read_state(connection)
        return state.phase if state else None

    def offer(self) -> bool:
        """Whether there is no trace at all and no demo month under way. Raises StoreError."""
        with self._store.read() as connection:
            if read_state(connection) is not None:
                return False
            return connection.execute(select(TaskTrace.__table__.c.id).limit(1)).first() is None

    def load(self, today: date) -> int:
        """Load the 30 days before ``today`` and what of today is over; returns how many traces that is.

        A month that is there or was begun on another day is completed instead. Raises StoreError, InputError.
        """
        state = self._begin(today)
        if state.phase == "loading":
            self._continue(state)
        with self._store.read() as connection:
            return count_traces(connection)

    def _begin(self, today: date) -> State:
        until = min(now(), datetime.combine(today + timedelta(days=1), time(), self._zone).astimezone(UTC))
        wanted, month = State(today, until, "loading"), self._month(today)
        while True:
            with suppress(IntegrityError):  # another process was first: what it began is found next time
                state = self._store.write(lambda connection: loading.begin(connection, wanted, month)).result()
                if state.phase != "removing":
                    return state
                self.remove()

    def _continue(self, state: State) -> None:
        with self._store.read() as connection:
            month = loading.with_models(connection, self._month(state.today))
        for talks in loading.pieces(month, state.until):
            if not self._store.write(partial(loading.add, talks=talks, state=state)).result():
                return  # it is complete, or being removed
        self._store.write(partial(loading.complete, state=state)).result()

    def _month(self, today: date) -> Month:
        return Month(read_cast(), self._book, {}, today, self._zone)

    def remove(self) -> int:
        """Take all of it away; returns how many traces that were. Raises StoreError."""
        if not self._store.write(removal.begin).result():
            return 0
        removed = 0
        while some := self._store.write(removal.remove_some).result():
            removed += some
        self._store.write(removal.remove_rest).result()
        return removed
