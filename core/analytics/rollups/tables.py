"""Rows of the tables of sums, and sums of pieces of time out of them, in one statement."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    cast,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from core.analytics.quarters import QUARTERS_AN_HOUR
from core.analytics.rollups.pieces import Interval, Piece
from core.analytics.rollups.question import HOURS_A_WEEK, Question, Sums

Rows: TypeAlias = list[dict[str, Any]]


def kept_rows(connection: Connection, table: Table, within: Interval) -> Rows:
    """All columns of what a table has from the start to before the end."""
    rows = connection.execute(select(table).where(table.c.at >= within[0], table.c.at < within[1]))
    names = [column.name for column in table.c]
    return [dict(zip(names, row, strict=True)) for row in rows]


def insert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Also if there are none."""
    if rows:
        connection.execute(insert(table), rows)


def sum_up(connection: Connection, table: Table, pieces: Sequence[Piece], question: Question) -> Sums:
    """By slot and group; only those in which anything happened."""
    if not pieces:
        return {}
    query = _query(connection.dialect.name, table, pieces, question)
    return {(row[0], row[1]): tuple(row[2:]) for row in connection.execute(query)}


def read_rows(connection: Connection, table: Table, pieces: Sequence[Piece], question: Question) -> Iterable[Any]:
    """The group and the measures of each row within the pieces, not summed up."""
    if not pieces:
        return ()
    given = _given(connection.dialect.name, pieces)
    group = table.c[question.by] if question.by else literal("")
    query = select(group, *(table.c[measure] for measure in question.measures))
    return connection.execute(_within(query, table, given, question))


def _query(dialect: str, table: Table, pieces: Sequence[Piece], question: Question) -> Select[Any]:
    given = _given(dialect, pieces)
    slot = given.slot
    if question.by_hour_of_week:
        slot = (table.c.at + slot) // QUARTERS_AN_HOUR % HOURS_A_WEEK
    group = table.c[question.by] if question.by else literal("")
    sums = (cast(func.sum(table.c[measure]), BigInteger) for measure in question.measures)
    query = select(slot.label("in_slot"), group.label("in_group"), *sums)
    return _within(query, table, given, question).group_by("in_slot", "in_group")


def _within(query: Select[Any], table: Table, given: "_Given", question: Question) -> Select[Any]:
    query = query.select_from(given.rows.join(table, (table.c.at >= given.start) & (table.c.at < given.end)))
    index = f"ix_{table.name}_{question.narrowest}"
    if index in {each.name for each in table.indexes}:  # SQLite would as soon take that of what has the most rows
        query = query.with_hint(table, f"INDEXED BY {index}", "sqlite")
    return query.where(*question.conditions(table))


@dataclass(frozen=True, slots=True)
class _Given:
    """Pieces as rows of a statement."""

    rows: FromClause
    slot: ColumnElement[int]
    start: ColumnElement[int]
    end: ColumnElement[int]


def _given(dialect: str, pieces: Sequence[Piece]) -> _Given:
    return _on_sqlite(pieces) if dialect == "sqlite" else _on_postgresql(pieces)


def _on_sqlite(pieces: Sequence[Piece]) -> _Given:
    given = func.json_each(json.dumps([[piece.slot, piece.start, piece.end] for piece in pieces]))
    each = given.table_valued("value")
    names = enumerate(("slot", "start", "stop"))
    parts = (func.json_extract(each.c.value, f"$[{place}]", type_=BigInteger).label(name) for place, name in names)
    # Read once: else JSON would be taken apart for each row that is joined to it.
    rows = select(*parts).cte("piece").prefix_with("MATERIALIZED")
    return _Given(rows, rows.c.slot, rows.c.start, rows.c.stop)


def _on_postgresql(pieces: Sequence[Piece]) -> _Given:
    columns = zip(*((piece.slot, piece.start, piece.end) for piece in pieces), strict=True)
    given = func.unnest(*(cast(list(column), ARRAY(BigInteger)) for column in columns))
    rows = given.table_valued("slot", "start", "stop", name="piece").render_derived()
    return _Given(rows, rows.c.slot, rows.c.start, rows.c.stop)
