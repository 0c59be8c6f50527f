"""A file's rows out of either database, a batch at a time, in one snapshot and in constant memory."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, FromClause, Select, Table, select, text
from sqlalchemy.exc import DBAPIError

from core.analytics.delegation import anything_delegated, chosen_traces, only_asked, taking_part
from core.analytics.filters import TraceFilter, among, asked
from core.analytics.search import matching
from core.exports.cells import postgresql_cell, sqlite_cell, sqlite_line
from core.exports.columns import (
    AGENT,
    CALLING_AGENT,
    CALLING_AGENT_ID,
    PERSON,
    PERSON_EMAIL,
    Column,
    ExportFile,
    without_delegation,
)
from core.money import Nanos
from core.store.access import User
from core.store.tables import Agent, TaskTrace
from core.store.unindexed import unindexed

ROWS_AT_ONCE = 1_000
_END = b"\r\n"
_traces, _users, _agents = TaskTrace.__table__, User.__table__, Agent.__table__


@dataclass(frozen=True, slots=True)
class Batch:
    """``lines`` are whole rows, each with its end; ``costs`` theirs in nano-dollars, None where it is not known."""

    lines: bytes
    costs: Sequence[Nanos | None]


def header(file: ExportFile) -> bytes:
    return ",".join(column.name for column in file.columns).encode() + _END


def batches(connection: Connection, file: ExportFile, chosen: TraceFilter) -> Generator[Batch, None, None]:
    """Yield all rows, newest trace first; the connection is busy until the last is taken or the generator closed."""
    read: Callable[..., Generator[Batch, None, None]]
    file = file if anything_delegated(connection) else without_delegation(file)
    read = _from_sqlite if connection.dialect.name == "sqlite" else _from_postgresql
    return read(connection, file, chosen)


def _from_sqlite(connection: Connection, file: ExportFile, chosen: TraceFilter) -> Generator[Batch, None, None]:
    people, agents = _ready_cells(_users, PERSON, PERSON_EMAIL), _ready_cells(_agents, AGENT)
    ready = {
        PERSON: people.c.person,
        PERSON_EMAIL: people.c.person_email,
        AGENT: agents.c.agent,
        CALLING_AGENT: agents.c.agent,
        CALLING_AGENT_ID: agents.c.id,
    }
    line = sqlite_line(ready[column] if column in ready else sqlite_cell(column) for column in file.columns)
    query = select(line, file.cost).select_from(_joined(file, people, agents)).order_by(*file.order)
    limits = [*_in_order(connection, chosen), *file.part(chosen)]
    with closing(connection.execute(query.where(*limits))) as result:
        # Of the driver: SQLAlchemy would make an object of each of millions of rows.
        cursor: Any = result.cursor
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            lines, costs = zip(*rows, strict=True)
            yield Batch("".join(lines).encode(), costs)


def _ready_cells(table: Table, *columns: Column) -> CTE:
    """Return the cells of all people or agents, made once instead of once a row."""
    cells = select(table.c.id, *(sqlite_cell(column).label(column.name) for column in columns))
    return cells.cte(f"{table.name}_cells").prefix_with("MATERIALIZED")


def _joined(file: ExportFile, people: FromClause, agents: FromClause) -> FromClause:
    with_people = file.source.outerjoin(people, people.c.id == _traces.c.owner_id)
    return with_people.outerjoin(agents, agents.c.id == file.agent)


def _in_order(connection: Connection, chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """Conditions by which the newest come first without sorting all: the index of several values has no such order.

    What is exceptional is few, and sorted; so is what has a text.
    """
    members: list[ColumnElement[bool]] = []
    if not only_asked(connection, chosen):
        members = taking_part(TraceFilter(agents=chosen.agents, models=chosen.models))
        chosen = replace(chosen, agents=(), models=())
    several: dict[str, ColumnElement[str]] = {
        "agents": _traces.c.master_agent_id,
        "models": _traces.c.model,
        "people": _traces.c.owner_id,
    }
    mixed = {name: getattr(chosen, name) for name in several if len(getattr(chosen, name)) > 1}
    none: Any = dict.fromkeys(mixed, ())
    single = replace(chosen, **none)
    by_hand = [among(unindexed(several[name]), values) for name, values in mixed.items()]
    return [*asked(single), *by_hand, *members, *matching(chosen, "sqlite")]


def _from_postgresql(connection: Connection, file: ExportFile, chosen: TraceFilter) -> Generator[Batch, None, None]:
    """``COPY`` gives each row as one piece of bytes with a line feed at its end; the last cell is the cost."""
    if not chosen.text:
        connection.execute(text("SET LOCAL enable_sort = off"))
    cells = [postgresql_cell(column) for column in file.columns]
    limits = [*chosen_traces(connection, chosen), *file.part(chosen), *matching(chosen, "postgresql")]
    query = select(*cells, file.cost).select_from(_joined(file, _users, _agents)).where(*limits).order_by(*file.order)
    lines, costs = list[bytes](), list[Nanos | None]()
    for row in _copied(connection, query):
        line, _, cost = bytes(row).rpartition(b",")
        lines.append(line)
        costs.append(int(cost) if cost != b"\n" else None)
        if len(lines) == ROWS_AT_ONCE:
            yield Batch(_END.join([*lines, b""]), costs)
            lines, costs = [], []
    if lines:
        yield Batch(_END.join([*lines, b""]), costs)


def _copied(connection: Connection, query: Select[Any]) -> Generator[memoryview, None, None]:
    compiled = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    driver: Any = connection.connection.driver_connection
    wrong = connection.dialect.loaded_dbapi.Error
    try:
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY ({compiled}) TO STDOUT (FORMAT csv)", compiled.params) as copy,
        ):
            yield from copy
    except wrong as error:
        raise DBAPIError.instance("COPY", None, error, wrong, dialect=connection.dialect) from error
