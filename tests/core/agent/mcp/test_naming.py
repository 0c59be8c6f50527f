"""Names of tools: what the provider takes, one for each tool, readable where that is possible."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.agent.mcp.naming import tool_name

NAMES = st.text(max_size=80) | st.text("ab_- .ä", max_size=12)


@pytest.mark.parametrize(
    ("server", "tool", "name"),
    [
        ("people", "get_employees", "people__get_employees"),
        ("People data", "get employees", "People_data__get_employees"),
        ("a__b", "c", "a_b__c"),
        ("_a_", "__c", "a____c"),
        ("Ä", "c", "server__c"),
    ],
)
def test_a_name_says_server_and_tool(server: str, tool: str, name: str) -> None:
    assert tool_name(server, tool) == name


def test_long_names_that_begin_alike_differ() -> None:
    one, other = tool_name("s", "x" * 80 + "1"), tool_name("s", "x" * 80 + "2")
    assert (len(one), len(other), one[:50] == other[:50], one == other) == (64, 64, True, False)


@given(st.lists(st.tuples(NAMES, NAMES), unique=True, max_size=20))
def test_every_tool_has_an_allowed_name_of_its_own(tools: list[tuple[str, str]]) -> None:
    taken: set[str] = set()
    for server, tool in tools:
        name = tool_name(server, tool, taken)
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)
        assert name not in taken
        assert name == tool_name(server, tool, taken)
        taken.add(name)
