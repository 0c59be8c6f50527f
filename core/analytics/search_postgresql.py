"""Searching on PostgreSQL: its index gives all that match at once, so it is asked for more and more days.

A look at the newest traces finds what is common, the words of single days what is less so, and all times the rest:
never are many more traces gathered than are wanted.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, String, bindparam, cast, column, select, tuple_
from sqlalchemy import table as named
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlmodel.sql.sqltypes import UTCDateTime

from core.analytics.search_request import LONGEST_WORD, Key, Wanted
from core.store.tables import TaskTrace

LOOKED_AT = 500
_DAYS_AT_ONCE = (2, 8)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)

_traces = TaskTrace.__table__
_search = named("trace_search", column("trace_id"), column("started_at", UTCDateTime()), column("words", TSVECTOR()))


def has_words(words: tuple[str, ...]) -> ColumnElement[bool]:
    """The condition on ``task_trace``."""
    return _traces.c.id.in_(select(_search.c.trace_id).where(_match(_query(words))))


def newest_keys(connection: Connection, words: tuple[str, ...], wanted: Wanted, newest: "Select[Key]") -> list[Key]:
    """Those wanted; ``newest`` selects the newest ``LOOKED_AT`` that meet the conditions, with words or without."""
    looked_at = newest.subquery()
    query = select(looked_at.c.started_at, looked_at.c.id, _match(_query(words)).label("matches"))
    rows = connection.execute(query.join(_search, _search.c.trace_id == looked_at.c.id)).all()
    found = [(row.started_at, row.id) for row in rows if row.matches]
    if len(rows) == LOOKED_AT:
        oldest = min((row.started_at, row.id) for row in rows)
        for older in _by_index(words, wanted, oldest):
            if len(found) >= wanted.limit:
                break
            found += [(row.started_at, row.trace_id) for row in connection.execute(older)]
    return found


def _by_index(words: tuple[str, ...], wanted: Wanted, before: Key) -> "Iterator[Select[Key]]":
    """One query for some days, one for those before them, one for all before those."""
    place = _search.c.started_at, _search.c.trace_id
    query = select(*place).where(tuple_(*place) < before).limit(wanted.limit)
    query = query.order_by(*(column.desc() for column in place))
    limits = wanted.conditions()
    if limits:
        query = query.join(_traces, _traces.c.id == _search.c.trace_id).where(*limits)
    day = (before[0] - _EPOCH) // _DAY
    for days in _DAYS_AT_ONCE:
        yield query.where(_match(" | ".join(_query(words, f"/{each}/") for each in range(day, day - days, -1))))
        day -= days
    yield query.where(_match(_query(words)), _search.c.started_at < _EPOCH + (day + 1) * _DAY)


def _match(query: str) -> ColumnElement[bool]:
    return _search.c.words.op("@@", is_comparison=True)(cast(bindparam(None, query, String), TSQUERY))


def _query(words: tuple[str, ...], day: str = "") -> str:
    """Words hold letters and digits only, so that within its quotes none of them is an operator."""
    whole = [_term(day, word, beginning=len(word) == LONGEST_WORD) for word in words[:-1]]
    return f"({' & '.join([*whole, *(_term(day, word, beginning=True) for word in words[-1:])])})"


def _term(day: str, word: str, *, beginning: bool) -> str:
    """In several spellings where the database may not know capitals from small letters."""
    spellings = [word] if word.isascii() else list(dict.fromkeys((word, word.upper(), word.capitalize())))
    ending = "':*" if beginning else "'"
    return "(" + " | ".join(f"'{day}{spelling}{ending}" for spelling in spellings) + ")"
