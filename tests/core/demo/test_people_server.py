"""The employees: the showcase's question over a real process, and every filter against the file they come from."""

import csv
from io import StringIO
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client

from core.access.roles import Person
from core.agent.mcp.server import Limits, McpServer
from core.agent.mcp.servers import McpServers
from core.agent.tools.tool import ToolContext
from core.demo.people_server import SOURCE, people_server

EMPLOYEES = list(csv.DictReader(StringIO(SOURCE.read_text("utf-8"))))
SHOWCASE = {"min_increment_percent": 5, "max_increment_percent": 10}


def increment(row: dict[str, str]) -> float:
    return float(row["increment_percent"])


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text.partition("\n")[2])))


def asked(**filters: Any) -> tuple[bool, str]:
    """Whether it failed, and what it says."""

    async def ask() -> tuple[bool, str]:
        async with Client(people_server()) as client:
            result = await client.call_tool("get_employees", filters)
        return result.is_error, "".join(getattr(block, "text", "") for block in result.content)

    return anyio.run(ask)


def test_the_showcase_is_answered_by_a_process_of_its_own() -> None:
    async def ask() -> str:
        people = McpServer("p", "people", "stdio", "python", ("-m", "core.demo.people_server"))
        servers = McpServers(lambda: [people], Limits(patience=60, connect=60))
        [tool] = await servers.tools(["p"])
        text = await tool.run(SHOWCASE, ToolContext(Person("me", "me", "admin"), "UTC"))
        await servers.close()
        return text

    text = anyio.run(ask)
    expected = [row for row in EMPLOYEES if 5 <= increment(row) <= 10]
    assert text.splitlines()[0] == f"{len(expected)} employees"
    assert rows(text) == expected
    assert {5.0, 10.0} <= {increment(row) for row in expected}
    assert len(expected) < len(EMPLOYEES)


@given(
    st.none() | st.sampled_from(["Sales", " finance ", "PEOPLE"]),
    st.none() | st.integers(-1, 15),
    st.none() | st.integers(0, 15),
    st.none() | st.integers(0, 150_000),
    st.none() | st.integers(0, 150_000),
)
def test_filters_narrow_as_they_say(
    department: str | None, least: int | None, most: int | None, low: int | None, high: int | None
) -> None:
    wanted = (department or "").strip().lower()
    expected = [
        row
        for row in EMPLOYEES
        if wanted in ("", row["department"].lower())
        and (least is None or increment(row) >= least)
        and (most is None or increment(row) <= most)
        and (low is None or int(row["salary"]) >= low)
        and (high is None or int(row["salary"]) <= high)
    ]
    given_filters = {
        "department": department,
        "min_increment_percent": least,
        "max_increment_percent": most,
        "min_salary": low,
        "max_salary": high,
    }
    failed, text = asked(**{name: value for name, value in given_filters.items() if value is not None})
    assert (failed, rows(text)) == (False, expected)


@pytest.mark.parametrize("order", ["salary", "increment_percent", "hired"])
def test_the_highest_or_latest_come_first(order: str) -> None:
    def key(row: dict[str, str]) -> float | str:
        return row[order] if order == "hired" else float(row[order])

    _, text = asked(order=order, limit=7)
    assert text.startswith(f"the first 7 of {len(EMPLOYEES)} employees\n")
    assert [key(row) for row in rows(text)] == sorted((key(row) for row in EMPLOYEES), reverse=True)[:7]


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"department": "Magic'; --"}, "There are: Engineering, Finance"),
        ({"limit": 0}, "greater than or equal to 1"),
        ({"order": "salary; DROP TABLE employees"}, "should be 'name'"),
        ({"min_salary": "much"}, "valid integer"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_in_words(filters: dict[str, Any], said: str) -> None:
    failed, text = asked(**filters)
    assert failed
    assert said in text


def test_the_employees_are_sixty_and_each_is_another() -> None:
    assert len({row["name"] for row in EMPLOYEES}) == len(EMPLOYEES) == 60
    assert [row["name"] for row in EMPLOYEES] == sorted(row["name"] for row in EMPLOYEES)
