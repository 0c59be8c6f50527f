"""The list of traces, and what lies behind each of them."""

from sqlalchemy import func, select

from core.analytics.delegation import chosen_traces
from core.analytics.filters import EVERYTHING, TraceFilter
from core.analytics.search import Key, matching, newest
from core.analytics.trace_detail import TraceDetail, read_detail
from core.analytics.trace_parts import LedgerRow, SpanRow, ToolText, read_ledger, read_spans, read_tool_texts
from core.analytics.trace_row import TRACES, TraceRow, trace_row
from core.errors import NotFound
from core.store.database import Store
from core.store.tables import TaskTrace
from core.store.text import storable

__all__ = ["Key", "LedgerRow", "SpanRow", "TraceDetail", "TraceRow", "Traces"]

_LONGEST_LINE = 300

_traces = TaskTrace.__table__


class Traces:
    """Reads only, from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, chosen: TraceFilter = EVERYTHING, *, before: Key | None = None, limit: int = 50) -> list[TraceRow]:
        """The newest first; ``before`` is ``(started_at, id)`` of the last row one has already."""
        with self._store.read() as connection:
            ids = [trace_id for _, trace_id in newest(connection, chosen, before=before, limit=limit)]
            rows = connection.execute(TRACES.where(_traces.c.id.in_(ids))) if ids else ()
            found = {row.id: trace_row(row) for row in rows}
        return [found[trace_id] for trace_id in ids]

    def count(self, chosen: TraceFilter = EVERYTHING) -> int:
        """Reads all of them: not for millions."""
        with self._store.read() as connection:
            limits = [*chosen_traces(connection, chosen), *matching(chosen.text, self._store.dialect)]
            return int(connection.execute(select(func.count()).select_from(_traces).where(*limits)).scalar_one())

    def detail(self, task_trace_id: str) -> TraceDetail:
        """All that lies behind a trace, but for words that were said. Raises NotFound."""
        with self._store.read() as connection:
            found = read_detail(connection, task_trace_id)
        if found is None:
            raise NotFound("There is no such trace. Its address may be incomplete; look for it in the list.")
        return found

    def asked(self, task_trace_id: str) -> str:
        """The first line of what the person asked; empty if that was deleted or the trace is unknown."""
        beginning = select(func.substr(_traces.c.instruction, 1, _LONGEST_LINE)).where(
            _traces.c.id == storable(task_trace_id)
        )
        with self._store.read() as connection:
            said = str(connection.execute(beginning).scalar() or "")
        return next(iter(said.strip().splitlines()), "")

    def spans(self, task_trace_id: str) -> list[SpanRow]:
        """A trace's steps in the order they began; none for an unknown trace."""
        with self._store.read() as connection:
            return read_spans(connection, task_trace_id)

    def tool_texts(self, task_trace_id: str) -> dict[str, ToolText]:
        """What a trace's tools were given and gave, by span: only for those who may read the conversation."""
        with self._store.read() as connection:
            return read_tool_texts(connection, task_trace_id)

    def ledger(self, task_trace_id: str) -> list[LedgerRow]:
        """A trace's ledger lines; their amounts sum to its total. None for an unknown trace."""
        with self._store.read() as connection:
            return read_ledger(connection, task_trace_id)
