"""The newest traces of a choice, with words of their request or error, or by an id.

All words must be there, the last one may be the beginning of one; case does not matter. A text that is the id of a
trace or a conversation, or the request id of a call, finds its traces too. What is kept for that: migration 0003.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, false, func, or_, select

from core.analytics import search_postgresql, search_sqlite
from core.analytics.delegation import newest_delegated
from core.analytics.filters import TraceFilter, asked
from core.analytics.search_request import Key, Sought, TraceQuery, checked, newest_where, sought
from core.store.tables import TaskTrace, TraceSpan

__all__ = ["Key", "matching", "newest"]

_traces, _spans = TaskTrace.__table__, TraceSpan.__table__
_RUNNING = TraceFilter(statuses=("running",))
_PLACE = _traces.c.started_at, _traces.c.id


def matching(chosen: TraceFilter, dialect: str) -> list[ColumnElement[bool]]:
    """Return the conditions on ``task_trace`` rows found by the choice's text; none if it is blank."""
    wanted = sought(chosen.text, ids_only=chosen.ids_only)
    if wanted is None:
        return []
    found = _has_id(wanted)
    if wanted.words:
        has_words = search_sqlite.has_words if dialect == "sqlite" else search_postgresql.has_words
        found.append(has_words(wanted.words))
    return [or_(false(), *found)]


def newest(connection: Connection, chosen: TraceFilter, *, before: Key | None = None, limit: int) -> list[Key]:
    """Return the newest traces of the choice, newest first; ``before`` is the place of the last one had already."""
    wanted = TraceQuery(_since_first_running(connection, _up_to(chosen, before)), before, limit)
    text = sought(chosen.text, ids_only=chosen.ids_only)
    if text is None:
        found = _of_choice(connection, wanted)
    else:
        by_id = [newest_where(wanted, has_id, checked(*wanted.conditions())) for has_id in _has_id(text)]
        found = [key for query in by_id for key in _keys(connection, query)]
        if text.words:
            found += _with_words(connection, text.words, wanted)
    found += newest_delegated(connection, wanted, *matching(chosen, connection.dialect.name))
    return sorted(set(found), reverse=True)[:limit]


def _up_to(chosen: TraceFilter, before: Key | None) -> TraceFilter:
    """Of its two upper bounds SQLite enters an index by the range's, however much lies between that and the other."""
    if before is None:
        return chosen
    just_after = before[0] + datetime.resolution
    return replace(chosen, end=min(just_after, chosen.end or just_after))


def _since_first_running(connection: Connection, chosen: TraceFilter) -> TraceFilter:
    """Running traces are few and new: of all that have the words, those before the first of them need no look."""
    if set(chosen.statuses) != {"running"}:
        return chosen
    first = connection.execute(select(func.min(_traces.c.started_at)).where(*asked(_RUNNING))).scalar()
    return chosen if first is None else replace(chosen, start=max(first, chosen.start or first))


def _has_id(text: Sought) -> list[ColumnElement[bool]]:
    if text.id is None:
        return []
    calls = select(_spans.c.task_trace_id).where(_spans.c.request_id == text.id)
    return [_traces.c.id == text.id, _traces.c.conversation_id == text.id, _traces.c.id.in_(calls)]


def _with_words(connection: Connection, words: tuple[str, ...], wanted: TraceQuery) -> list[Key]:
    if connection.dialect.name == "postgresql":
        return search_postgresql.newest_with_words(connection, words, wanted)
    ids = search_sqlite.newest_ids(connection, words, wanted)
    return _keys(connection, select(*_PLACE).where(_traces.c.id.in_(ids)))


def _of_choice(connection: Connection, wanted: TraceQuery) -> list[Key]:
    """What meets one value can be read in order from an index; of several each database has a way of its own."""
    if connection.dialect.name == "postgresql":
        return _keys(connection, search_postgresql.newest(wanted))
    if sum(map(len, search_sqlite.facets(wanted.chosen))) > 1:
        return _with_words(connection, (), wanted)
    return _keys(connection, newest_where(wanted, *wanted.conditions()))


def _keys(connection: Connection, query: "Select[datetime, str]") -> list[Key]:
    return [(row.started_at, row.id) for row in connection.execute(query)]
