"""Searching on PostgreSQL: its index gives all that match at once, so it is asked for more and more days.

A look at the newest traces finds what is common, the words of single days what is less so, and all times the rest:
never are many more traces gathered than are wanted.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    select,
    true,
    tuple_,
)
from sqlalchemy import table as named
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR
from sqlmodel.sql.sqltypes import UTCDateTime

from core.analytics.filters import asked
from core.analytics.search_request import LONGEST_WORD, Key, TraceQuery, checked, newest_where
from core.store.rollups import UNASSIGNED
from core.store.tables import USUAL, TaskTrace
from core.store.text import storable

LOOKED_AT = 500
_DAYS_AT_ONCE = (2, 8, 32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_NARROWEST_FIRST = (
    ("people", "owner_id"),
    ("statuses", "status"),
    ("bases", "cost_basis"),
    ("agents", "master_agent_id"),
    ("models", "model"),
)

# Of words that it does not know PostgreSQL expects so many that it would rather read everything, or with others' help.
_SETTINGS = {
    "enable_seqscan": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "plan_cache_mode": "force_custom_plan",
}
_BY_INDEX = select(*(func.set_config(name, value, true()) for name, value in _SETTINGS.items()))

_traces = TaskTrace.__table__
_search = named("trace_search", column("id"), column("started_at", UTCDateTime()), column("words", TSVECTOR()))


def has_words(words: tuple[str, ...]) -> ColumnElement[bool]:
    """Return the condition on ``task_trace``."""
    return _traces.c.id.in_(select(_search.c.id).where(_match(_query(words))))


def newest(wanted: TraceQuery) -> "Select[datetime, str]":
    """Find the newest by the part of the choice that as a rule narrows it the most."""
    for field, name in _NARROWEST_FIRST:
        values = getattr(wanted.chosen, field)
        if values and USUAL.get(name) not in values:
            one = len(values) == 1 or UNASSIGNED in values
            return newest_where(wanted, *wanted.conditions()) if one else _of_each(wanted, field, name)
    return newest_where(wanted, *wanted.conditions())


def _of_each(wanted: TraceQuery, field: str, name: str) -> "Select[datetime, str]":
    """Return the newest for each of the values: only for one at a time they can be read in order from an index."""
    values = [storable(value) for value in dict.fromkeys(getattr(wanted.chosen, field))]
    each = func.unnest(bindparam(None, values, ARRAY(String))).table_valued("value").render_derived()
    others: dict[str, Any] = {field: ()}
    limits = replace(wanted, chosen=replace(wanted.chosen, **others)).conditions()
    if name in USUAL:
        limits.append(_traces.c[name] != USUAL[name])
    keys = newest_where(wanted, _traces.c[name] == each.c.value, *limits).lateral()
    together = select(*_place(keys)).select_from(each).join(keys, true())
    return together.order_by(*(column.desc() for column in _place(keys))).limit(wanted.limit)


def newest_with_words(connection: Connection, words: tuple[str, ...], wanted: TraceQuery) -> list[Key]:
    connection.execute(_BY_INDEX)
    looked_at = newest(replace(wanted, limit=LOOKED_AT)).subquery()
    in_order = _newest_first(looked_at)
    common = in_order.join(_search, _search.c.id == looked_at.c.id).where(checked(_match(_query(words))))
    found = _keys(connection, common.limit(wanted.limit))
    if len(found) < wanted.limit:
        for oldest in _keys(connection, in_order.offset(LOOKED_AT - 1).limit(1)):
            found += _older(connection, words, wanted, oldest)
    return found


def _older(connection: Connection, words: tuple[str, ...], wanted: TraceQuery, before: Key) -> list[Key]:
    found: list[Key] = []
    for query in _by_index(words, wanted, before):
        if len(found) < wanted.limit:
            found += _keys(connection, query)
    return found


def _by_index(words: tuple[str, ...], wanted: TraceQuery, before: Key) -> "Iterator[Select[datetime, str]]":
    """One query for some days, others for more days before those, one for all before."""
    start = wanted.chosen.start
    limits = (
        [tuple_(*_place(_search)) < before]
        if start is None
        else [tuple_(*_place(_search)) < before, _search.c.started_at >= start]
    )
    day = (before[0] - _EPOCH) // _DAY
    for days in _DAYS_AT_ONCE:
        match = " | ".join(_query(words, f"/{each}/") for each in range(day, day - days, -1))
        yield _those(wanted, _match(match), *limits)
        day -= days
    yield _those(wanted, _match(_query(words)), _search.c.started_at < _EPOCH + (day + 1) * _DAY, *limits)


def _those(wanted: TraceQuery, *limits: ColumnElement[bool]) -> "Select[datetime, str]":
    """Return the newest within the limits, each looked at only until so many of them meet the rest of the choice."""
    found = _newest_first(_search).where(*limits)
    others = asked(replace(wanted.chosen, start=None, end=None))
    if others:
        rows = found.offset(0).subquery()
        meets = select(case((and_(*others), 1))).where(_traces.c.id == rows.c.id).scalar_subquery()
        found = _newest_first(rows).where(meets == 1)
    return found.limit(wanted.limit)


def _newest_first(rows: FromClause) -> "Select[datetime, str]":
    return select(*_place(rows)).order_by(*(column.desc() for column in _place(rows)))


def _place(rows: FromClause) -> "tuple[ColumnElement[datetime], ColumnElement[str]]":
    return rows.c.started_at, rows.c.id


def _keys(connection: Connection, query: "Select[datetime, str]") -> list[Key]:
    return [(row.started_at, row.id) for row in connection.execute(query)]


def _match(query: str) -> ColumnElement[bool]:
    return _search.c.words.op("@@", is_comparison=True)(cast(bindparam(None, query, String), TSQUERY))


def _query(words: tuple[str, ...], day: str = "") -> str:
    """Words hold letters and digits only, so that within its quotes none of them is an operator."""
    whole = [_term(day, word, beginning=len(word) == LONGEST_WORD) for word in words[:-1]]
    return f"({' & '.join([*whole, *(_term(day, word, beginning=True) for word in words[-1:])])})"


def _term(day: str, word: str, *, beginning: bool) -> str:
    """Match a word in several spellings where the database may not know capitals from small letters."""
    spellings = [word] if word.isascii() else list(dict.fromkeys((word, word.upper(), word.capitalize())))
    ending = "':*" if beginning else "'"
    return "(" + " | ".join(f"'{day}{spelling}{ending}" for spelling in spellings) + ")"
