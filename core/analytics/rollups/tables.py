"""Rows of the tables of sums, and sums of pieces of time out of them, in one statement."""

import json
from collections.abc import Iterable, Iterator, Sequence
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
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from core.analytics.rollups.pieces import Interval, Piece
from core.analytics.rollups.question import HOURS_A_WEEK, Question, Sums
from core.quarters import QUARTERS_AN_HOUR

FEW = 4
"""So many pieces PostgreSQL is told one by one, so that it knows how long each is before it plans."""

Rows: TypeAlias = list[dict[str, Any]]


def kept_rows(connection: Connection, table: Table, within: Interval) -> Rows:
    """Return all columns of what a table has from the start to before the end."""
    rows = connection.execute(select(table).where(table.c.at >= within[0], table.c.at < within[1]))
    names = [column.name for column in table.c]
    return [dict(zip(names, row, strict=True)) for row in rows]


def insert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert rows, also if there are none."""
    if rows:
        connection.execute(insert(table), rows)


def sum_up(connection: Connection, table: Table, pieces: Sequence[Piece], question: Question) -> Sums:
    """Sum up by slot and group; only those in which anything happened."""
    if not pieces:
        return {}
    query = _query(connection.dialect.name, table, pieces, question)
    return {(row[0], row[1]): tuple(row[2:]) for row in connection.execute(query)}


def read_rows(connection: Connection, table: Table, pieces: Sequence[Piece], question: Question) -> Iterable[Any]:
    """Return the group and the measures of each row within the pieces, not summed up."""
    if not pieces:
        return ()
    given = _given(connection.dialect.name, table, pieces)
    group = given.rows.c[question.by] if question.by else literal("")
    query = select(group, *(given.rows.c[measure] for measure in question.measures))
    return connection.execute(_within(query, table, given, question))


def _query(dialect: str, table: Table, pieces: Sequence[Piece], question: Question) -> Select[Any]:
    given = _given(dialect, table, pieces)
    slot, rows = given.slot, given.rows
    if question.by_hour_of_week:
        slot = (rows.c.at + slot) // QUARTERS_AN_HOUR % HOURS_A_WEEK
    group = rows.c[question.by] if question.by else literal("")
    sums = (cast(func.sum(rows.c[measure]), BigInteger) for measure in question.measures)
    query = select(slot.label("in_slot"), group.label("in_group"), *sums)
    return _within(query, table, given, question).group_by("in_slot", *(["in_group"] if question.by else []))


def _within(query: Select[Any], table: Table, given: "_Given", question: Question) -> Select[Any]:
    query = query.select_from(given.source)
    index = f"ix_{table.name}_{question.narrowest}"
    if index in {each.name for each in table.indexes}:  # SQLite would as soon take that of what has the most rows
        query = query.with_hint(table, f"INDEXED BY {index}", "sqlite")
    return query.where(*question.conditions(given.rows))


@dataclass(frozen=True, slots=True)
class _Given:
    """``source`` has the table's ``rows`` within the pieces, each beside its piece's ``slot``."""

    source: FromClause
    rows: FromClause
    slot: ColumnElement[int]


def _given(dialect: str, table: Table, pieces: Sequence[Piece]) -> _Given:
    if dialect == "sqlite":
        return _joined(table, _as_json(pieces))
    return _one_by_one(table, pieces) if len(pieces) <= FEW else _joined(table, _as_arrays(pieces))


def _joined(table: Table, given: FromClause) -> _Given:
    within = (table.c.at >= given.c.start) & (table.c.at < given.c.stop)
    return _Given(given.join(table, within), table, given.c.slot)


def _as_json(pieces: Sequence[Piece]) -> FromClause:
    given = func.json_each(json.dumps([[piece.slot, piece.start, piece.end] for piece in pieces]))
    each = given.table_valued("value")
    names = enumerate(("slot", "start", "stop"))
    parts = (func.json_extract(each.c.value, f"$[{place}]", type_=BigInteger).label(name) for place, name in names)
    # Read once: else JSON would be taken apart for each row that is joined to it.
    return select(*parts).cte("piece").prefix_with("MATERIALIZED")


def _as_arrays(pieces: Sequence[Piece]) -> FromClause:
    columns = zip(*((piece.slot, piece.start, piece.end) for piece in pieces), strict=True)
    given = func.unnest(*(cast(list(column), ARRAY(BigInteger)) for column in columns))
    return given.table_valued("slot", "start", "stop", name="piece").render_derived()


def _one_by_one(table: Table, pieces: Sequence[Piece]) -> _Given:
    rows = union_all(*_parts(table, pieces)).subquery("piece")
    return _Given(rows, rows, rows.c.slot)


def _parts(table: Table, pieces: Sequence[Piece]) -> Iterator[Select[Any]]:
    for piece in pieces:
        # Written out: of a parameter PostgreSQL may assume what it likes.
        slot, start, end = (
            literal(number, BigInteger, literal_execute=True) for number in (piece.slot, piece.start, piece.end)
        )
        yield select(slot.label("slot"), *table.c).where(table.c.at >= start, table.c.at < end)
