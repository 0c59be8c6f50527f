"""Sums of pieces of time out of a table of sums, in one statement."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, FromClause, Select, Table, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from core.analytics.quarters import QUARTERS_AN_HOUR
from core.analytics.rollups.pieces import Piece
from core.analytics.rollups.question import HOURS_A_WEEK, Question, Sums


def sum_up(connection: Connection, table: Table, pieces: Sequence[Piece], question: Question) -> Sums:
    """By slot and group; only those in which anything happened."""
    if not pieces:
        return {}
    query = _query(connection.dialect.name, table, pieces, question)
    return {(row[0], row[1]): tuple(row[2:]) for row in connection.execute(query)}


def _query(dialect: str, table: Table, pieces: Sequence[Piece], question: Question) -> Select[Any]:
    given = _on_sqlite(pieces) if dialect == "sqlite" else _on_postgresql(pieces)
    slot = given.slot
    if question.by_hour_of_week:
        slot = (table.c.at + slot) // QUARTERS_AN_HOUR % HOURS_A_WEEK
    group = table.c[question.by] if question.by else literal("")
    sums = (cast(func.sum(table.c[measure]), BigInteger) for measure in question.measures)
    rows = given.rows.join(table, (table.c.at >= given.start) & (table.c.at < given.end))
    query = select(slot.label("in_slot"), group.label("in_group"), *sums).select_from(rows)
    if question.narrowest:  # SQLite would as soon take the index of what has the most rows
        query = query.with_hint(table, f"INDEXED BY ix_{table.name}_{question.narrowest}", "sqlite")
    return query.where(*question.conditions(table)).group_by("in_slot", "in_group")


@dataclass(frozen=True, slots=True)
class _Given:
    """Pieces as rows of a statement."""

    rows: FromClause
    slot: ColumnElement[int]
    start: ColumnElement[int]
    end: ColumnElement[int]


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
