"""A small MCP server with made-up employees, in a database in memory: `python -m core.demo.people_server`."""

import csv
import sqlite3
from io import StringIO
from threading import Lock
from typing import Annotated, Literal, TypeAlias
from weakref import finalize

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from core.place import PROJECT

SOURCE = PROJECT / "data" / "employees.csv"

_TABLE = (
    "CREATE TABLE employees (name TEXT PRIMARY KEY, department TEXT NOT NULL COLLATE NOCASE, title TEXT NOT NULL, "
    "salary INTEGER NOT NULL, increment_percent REAL NOT NULL, hired TEXT NOT NULL)"
)
_ADD = "INSERT INTO employees VALUES (:name, :department, :title, :salary, :increment_percent, :hired)"
_CONDITIONS = (
    "(:department IS NULL OR department = :department) "
    "AND increment_percent BETWEEN coalesce(:min_increment_percent, -1e9) AND coalesce(:max_increment_percent, 1e9) "
    "AND salary BETWEEN coalesce(:min_salary, -1e12) AND coalesce(:max_salary, 1e12)"
)
_ORDERS = {
    "name": "name",
    "salary": "salary DESC, name",
    "increment_percent": "increment_percent DESC, name",
    "hired": "hired DESC, name",
}

Percent: TypeAlias = Annotated[float | None, Field(ge=-100, le=1000, description="In percent of the salary.")]
Dollars: TypeAlias = Annotated[int | None, Field(ge=0, description="Dollars a year.")]
Order: TypeAlias = Annotated[
    Literal["name", "salary", "increment_percent", "hired"],
    Field(description="Names from A to Z; the others with the highest or latest first."),
]


def employees() -> sqlite3.Connection:
    """Return a database with all of them, for one thread at a time."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    with connection, SOURCE.open(encoding="utf-8") as source:
        connection.execute(_TABLE)
        connection.executemany(_ADD, csv.DictReader(source))
    connection.execute("PRAGMA query_only = ON")
    return connection


def people_server() -> MCPServer:
    """Return a server that can be asked for them."""
    connection, alone = employees(), Lock()
    server = MCPServer("people", instructions="Employees of a made-up company.")
    finalize(server, connection.close)

    @server.tool()
    def get_employees(
        department: Annotated[str | None, Field(description="The name of one department; leave out for all.")] = None,
        min_increment_percent: Percent = None,
        max_increment_percent: Percent = None,
        min_salary: Dollars = None,
        max_salary: Dollars = None,
        order: Order = "name",
        limit: Annotated[int, Field(ge=1, le=200)] = 100,
    ) -> str:
        """Employees with department, title, salary, last increment and day of hiring, as CSV.

        Bounds are inclusive; those left out do not narrow the search.
        """
        with alone:
            bounds = {
                "department": department and _department(connection, department),
                "min_increment_percent": min_increment_percent,
                "max_increment_percent": max_increment_percent,
                "min_salary": min_salary,
                "max_salary": max_salary,
            }
            query = f"SELECT * FROM employees WHERE {_CONDITIONS} ORDER BY {_ORDERS[order]}"  # noqa: S608 (ours alone)
            return _as_csv(connection.execute(query, bounds), limit)

    return server


def _department(connection: sqlite3.Connection, asked: str) -> str:
    known = [name for (name,) in connection.execute("SELECT DISTINCT department FROM employees ORDER BY 1")]
    if asked.strip().casefold() not in {name.casefold() for name in known}:
        raise ToolError(f"There is no department called {asked}. There are: {', '.join(known)}.")
    return asked.strip()


def _as_csv(found: sqlite3.Cursor, limit: int) -> str:
    text, rows = StringIO(), found.fetchall()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column for column, *_ in found.description)
    writer.writerows((*row[:4], f"{row[4]:g}", *row[5:]) for row in rows[:limit])
    count = f"{len(rows)} employees" if len(rows) <= limit else f"the first {limit} of {len(rows)} employees"
    return f"{count}\n{text.getvalue()}"


if __name__ == "__main__":
    people_server().run("stdio")
