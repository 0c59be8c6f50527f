"""Finding a turn again by its id, for the one who began it and nobody else, wherever it runs or ran."""

from functools import partial

from core.access.roles import Person
from core.books.cross_process import ask_to_stop
from core.chat.engine import Engine
from core.chat.following import Following, LiveTurn, Place, TurnElsewhere, gone
from core.chat.new_turn import Head
from core.chat.saved import SavedTurn, read_saved
from core.chat.turn import Turn
from core.chat.watching import Watchers
from core.clock import now
from core.store.database import Store


class Answers:
    """What belongs to others, or to an agent that a token is not for, is not there: NotFound."""

    def __init__(self, store: Store, engine: Engine, watchers: Watchers) -> None:
        self._store, self._engine, self._watchers = store, engine, watchers

    def follow(self, by: Person, task_trace_id: str, after: Place = 0) -> Following:
        """Follow on an event loop; ``after`` is the place of what the reader has. Raises NotFound, StoreError."""
        turn = self._live(by, task_trace_id)
        if turn is not None:
            return LiveTurn(turn.head, turn.log, after, turn.text)
        return TurnElsewhere(
            self._saved(by, task_trace_id),
            after,
            partial(self._read, task_trace_id),
            seen=partial(self.seen, by, task_trace_id),
            closing=lambda: self._engine.closing,
        )

    def seen(self, by: Person, task_trace_id: str) -> None:
        """Say that they read an answer of theirs that another process writes; returns at once."""
        self._watchers.seen(by, task_trace_id)

    def stop(self, by: Person, task_trace_id: str) -> None:
        """Ask for its end; after it nothing is done. Raises NotFound, StoreError."""
        turn = self._live(by, task_trace_id)
        if turn is not None:
            turn.stop()
        elif self._saved(by, task_trace_id).end is None:
            self._store.write(lambda connection: ask_to_stop(connection, task_trace_id, now())).result()

    def check(self, by: Person, task_trace_id: str) -> None:
        """Raises NotFound, StoreError."""
        if self._live(by, task_trace_id) is None:
            self._saved(by, task_trace_id)

    def _live(self, by: Person, task_trace_id: str) -> Turn | None:
        turn = self._engine.turn(task_trace_id)
        if turn is not None:
            _check_owner(by, turn.head)
        return turn

    def _saved(self, by: Person, task_trace_id: str) -> SavedTurn:
        saved = self._read(task_trace_id)
        if saved is None:
            raise gone()
        _check_owner(by, saved.head)
        return saved

    def _read(self, task_trace_id: str) -> SavedTurn | None:
        with self._store.read() as connection:
            return read_saved(connection, task_trace_id)


def _check_owner(by: Person, head: Head) -> None:
    if not head.is_for(by):
        raise gone()
