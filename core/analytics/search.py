"""The newest traces of a choice, with words of their request or error, or by an id.

All words must be there, the last one may be the beginning of one; case does not matter. A text that is the id of a
trace or a conversation, or the request id of a call, finds its traces too. What is kept for that: migration 0003.
"""

from dataclasses import replace
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, false, or_, select, union_all

from core.analytics import search_postgresql, search_sqlite
from core.analytics.filters import TraceFilter
from core.analytics.search_request import Key, Sought, Wanted, sought
from core.store.tables import USUAL, TaskTrace, TraceSpan

__all__ = ["Key", "matching", "newest"]

_traces, _spans = TaskTrace.__table__, TraceSpan.__table__
_PLACE = _traces.c.started_at, _traces.c.id


def matching(text: str, dialect: Literal["sqlite", "postgresql"]) -> list[ColumnElement[bool]]:
    """What ``task_trace`` rows must meet to be found by the text; nothing if it is blank."""
    asked = sought(text)
    if asked is None:
        return []
    found = _has_id(asked)
    if asked.words:
        has_words = search_sqlite.has_words if dialect == "sqlite" else search_postgresql.has_words
        found.append(has_words(asked.words))
    return [or_(false(), *found)]


def newest(connection: Connection, chosen: TraceFilter, *, before: Key | None = None, limit: int) -> list[Key]:
    """The newest traces of the choice, newest first; ``before`` is where the last one that one has already stands."""
    wanted = Wanted(chosen, before, limit)
    asked = sought(chosen.text)
    if asked is None:
        found = _of_choice(connection, wanted)
    else:
        found = [key for has_id in _has_id(asked) for key in _keys(connection, _those(wanted, has_id))]
        if asked.words:
            found += _with_words(connection, asked.words, wanted)
    return sorted(set(found), reverse=True)[:limit]


def _has_id(asked: Sought) -> list[ColumnElement[bool]]:
    if asked.id is None:
        return []
    calls = select(_spans.c.task_trace_id).where(_spans.c.request_id == asked.id)
    return [_traces.c.id == asked.id, _traces.c.conversation_id == asked.id, _traces.c.id.in_(calls)]


def _with_words(connection: Connection, words: tuple[str, ...], wanted: Wanted) -> list[Key]:
    if connection.dialect.name == "postgresql":
        looked_at = _newest(replace(wanted, limit=search_postgresql.LOOKED_AT))
        return search_postgresql.newest_keys(connection, words, wanted, looked_at)
    ids = search_sqlite.newest_ids(connection, words, wanted)
    return _keys(connection, select(*_PLACE).where(_traces.c.id.in_(ids)))


def _of_choice(connection: Connection, wanted: Wanted) -> list[Key]:
    """On SQLite by the index of words, too, where else all that meets one part of the choice would be read."""
    if connection.dialect.name == "sqlite" and len(search_sqlite.facets(wanted.chosen)) > 1:
        return _with_words(connection, (), wanted)
    return _keys(connection, _newest(wanted))


def _newest(wanted: Wanted) -> "Select[Key]":
    """The newest for each value of one part of the choice: only for single ones they can be read in order."""
    singles = [_those(replace(wanted, chosen=each)) for each in _singly(wanted.chosen)]
    if len(singles) == 1:
        return singles[0]
    together = union_all(*(select(single.subquery()) for single in singles)).subquery()
    return select(together).order_by(*(column.desc() for column in together.c)).limit(wanted.limit)


def _singly(chosen: TraceFilter) -> list[TraceFilter]:
    """The choice in parts of one value each, of that dimension which as a rule narrows it the most."""
    exceptional = {"statuses": USUAL["status"] not in chosen.statuses, "bases": USUAL["cost_basis"] not in chosen.bases}
    for name in ("people", "statuses", "bases", "agents", "models"):
        values = getattr(chosen, name)
        if values and exceptional.get(name, True):
            parts: list[dict[str, Any]] = [{name: (value,)} for value in dict.fromkeys(values)]
            return [replace(chosen, **part) for part in parts]
    return [chosen]


def _those(wanted: Wanted, *more: ColumnElement[bool]) -> "Select[Key]":
    in_order = select(*_PLACE).order_by(*(column.desc() for column in _PLACE))
    return in_order.where(*wanted.conditions(), *more).limit(wanted.limit)


def _keys(connection: Connection, query: "Select[Key]") -> list[Key]:
    return [(row.started_at, row.id) for row in connection.execute(query)]
