"""The list of traces, and what lies behind each of them."""

from sqlalchemy import Connection, func, select

from core.access.roles import Person, Scope, scope
from core.analytics.delegation import chosen_traces
from core.analytics.filters import EVERYTHING, TraceFilter, one, within
from core.analytics.search import Key, matching, newest
from core.analytics.trace_detail import TraceDetail, read_detail
from core.analytics.trace_parts import LedgerRow, SpanRow, ToolText, read_ledger, read_spans, read_tool_texts
from core.analytics.trace_row import TRACES, TraceRow, trace_row
from core.analytics.unconfirmed import Unconfirmed, read_unconfirmed
from core.errors import NotFound
from core.store.database import Store
from core.store.tables import TaskTrace

__all__ = ["Key", "LedgerRow", "SpanRow", "TraceDetail", "TraceRow", "Traces"]

_LONGEST_LINE = 300

_traces = TaskTrace.__table__


class Traces:
    """Reads only, from any thread, and for everybody no more than they may see. Raises NotAllowed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(
        self, by: Person, chosen: TraceFilter = EVERYTHING, *, before: Key | None = None, limit: int = 50
    ) -> list[TraceRow]:
        """Return the newest first; ``before`` is ``(started_at, id)`` of the last row one has already."""
        chosen = within(scope(by), chosen)
        with self._store.read() as connection:
            ids = [trace_id for _, trace_id in newest(connection, chosen, before=before, limit=limit)]
            rows = connection.execute(TRACES.where(_traces.c.id.in_(ids))) if ids else ()
            found = {row.id: trace_row(row) for row in rows}
        return [found[trace_id] for trace_id in ids]

    def count(self, by: Person, chosen: TraceFilter = EVERYTHING) -> int:
        """Reads all of them: not for millions."""
        chosen = within(scope(by), chosen)
        with self._store.read() as connection:
            limits = [*chosen_traces(connection, chosen), *matching(chosen, self._store.dialect)]
            return int(connection.execute(select(func.count()).select_from(_traces).where(*limits)).scalar_one())

    def unconfirmed(self, by: Person, chosen: TraceFilter = EVERYTHING, *, most: int = 200) -> list[Unconfirmed]:
        """Calls of which only the provider's own report can tell what they cost, the newest first."""
        with self._store.read() as connection:
            return read_unconfirmed(connection, scope(by), chosen, most)

    def detail(self, by: Person, task_trace_id: str) -> TraceDetail:
        """Return all that lies behind a trace, but for words that were said.

        Raises NotFound, also for what is others'.
        """
        with self._store.read() as connection:
            found = read_detail(connection, scope(by), task_trace_id)
        if found is None:
            raise NotFound("There is no such trace. Its address may be incomplete; look for it in the list.")
        return found

    def asked(self, by: Person, task_trace_id: str) -> str:
        """Return the first line of what was asked; empty if that was deleted, or the person may not read or see it."""
        limits = scope(by)
        if not limits.texts:
            return ""
        beginning = select(func.substr(_traces.c.instruction, 1, _LONGEST_LINE)).where(*one(limits, task_trace_id))
        with self._store.read() as connection:
            said = str(connection.execute(beginning).scalar() or "")
        return next(iter(said.strip().splitlines()), "")

    def spans(self, by: Person, task_trace_id: str) -> list[SpanRow]:
        """Return a trace's steps in the order they began; none for one that the person does not see."""
        limits = scope(by)
        with self._store.read() as connection:
            if not _sees(connection, limits, task_trace_id):
                return []
            return read_spans(connection, task_trace_id, texts=limits.texts)

    def tool_texts(self, by: Person, task_trace_id: str) -> dict[str, ToolText]:
        """Return what a trace's tools were given and gave, by span; none if the person may not read or see it."""
        limits = scope(by)
        with self._store.read() as connection:
            if not limits.texts or not _sees(connection, limits, task_trace_id):
                return {}
            return read_tool_texts(connection, task_trace_id)

    def ledger(self, by: Person, task_trace_id: str) -> list[LedgerRow]:
        """Return a trace's ledger lines; their amounts sum to its total. None for one that the person does not see."""
        with self._store.read() as connection:
            return read_ledger(connection, task_trace_id) if _sees(connection, scope(by), task_trace_id) else []


def _sees(connection: Connection, limits: Scope, task_trace_id: str) -> bool:
    return connection.execute(select(_traces.c.id).where(*one(limits, task_trace_id))).first() is not None
