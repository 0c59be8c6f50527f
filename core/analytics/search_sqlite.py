"""Searching on SQLite: FTS5 finds the newest first by words and facets; the traces themselves have the last word."""

from datetime import datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement, Connection, String, bindparam, column, exists, literal_column, select
from sqlalchemy import table as named

from core.analytics.filters import TraceFilter
from core.analytics.search_request import LONGEST_WORD, TraceQuery, checked
from core.store.rollups import UNASSIGNED
from core.store.tables import USUAL, TaskTrace
from core.store.text import storable

_Numbered: TypeAlias = tuple[int, str]

_KEYS_A_SECOND = 2**20
_traces = TaskTrace.__table__
_words = named("trace_search_words", column("rowid"))
_search = named("trace_search", column("key"), column("trace_id"))


def has_words(words: tuple[str, ...]) -> ColumnElement[bool]:
    """Return the condition on ``task_trace``."""
    keys = select(_words.c.rowid).where(_match(_query(words, [])))
    return _traces.c.id.in_(select(_search.c.trace_id).where(_search.c.key.in_(keys)))


def facets(chosen: TraceFilter) -> list[list[str]]:
    """Return the choices that are indexed beside the words: of each, one of the values must be there."""
    choices = [("\ue000", chosen.agents), ("\ue001", chosen.models), ("\ue002", chosen.people)]
    if not {"running", USUAL["status"]} & set(chosen.statuses):
        choices.append(("\ue003", chosen.statuses))
    if USUAL["cost_basis"] not in chosen.bases:
        choices.append(("\ue004", chosen.bases))
    indexed = [(mark, values) for mark, values in choices if values and UNASSIGNED not in values]
    return [[mark + storable(value).encode().hex() for value in values] for mark, values in indexed]


def newest_ids(connection: Connection, words: tuple[str, ...], wanted: TraceQuery) -> list[str]:
    """Find the ids wanted, and all others of the last one's second; unordered."""
    meets = exists().where(_traces.c.id == _search.c.trace_id, checked(*wanted.conditions()))
    query = (
        select(_words.c.rowid, _search.c.trace_id)
        .join(_search, _search.c.key == _words.c.rowid)
        .where(_match(_query(words, facets(wanted.chosen))), meets, *_range(wanted))
        .order_by(_words.c.rowid.desc())
    )
    rows = list(connection.execute(query.limit(wanted.limit)))
    if len(rows) == wanted.limit:
        rows += connection.execute(query.where(*_rest_of_second(rows[-1].rowid)))
    return [row.trace_id for row in rows]


def _range(wanted: TraceQuery) -> list[ColumnElement[bool]]:
    """Between which keys to look; a second's fraction is left to the traces' own times."""
    start, ends = wanted.chosen.start, [wanted.chosen.end, wanted.before and wanted.before[0]]
    since = [] if start is None else [_words.c.rowid >= _first_key(start)]
    return since + [_words.c.rowid < _first_key(end) + _KEYS_A_SECOND for end in ends if end is not None]


def _rest_of_second(key: int) -> list[ColumnElement[bool]]:
    return [_words.c.rowid < key, _words.c.rowid >= key // _KEYS_A_SECOND * _KEYS_A_SECOND]


def _first_key(at: datetime) -> int:
    return int(at.timestamp() // 1) * _KEYS_A_SECOND


def _match(query: str) -> ColumnElement[bool]:
    return literal_column("trace_search_words").op("MATCH", is_comparison=True)(bindparam(None, query, String))


def _query(words: tuple[str, ...], facets: list[list[str]]) -> str:
    """Words hold letters and digits only, so that within its quotes none of them is an operator."""
    terms = [_term(word) for word in words[:-1]] + [f'"{word}"*' for word in words[-1:]]
    terms += [f"({' OR '.join(map(_term, values))})" for values in facets]
    return " AND ".join(terms)


def _term(word: str) -> str:
    return f'"{word}"*' if len(word) == LONGEST_WORD else f'"{word}"'
