"""Which tests have PostgreSQL: a database of its own costs a test as much as most of what it looks at."""

import re
from pathlib import Path

from tests.conftest import SQL_BY_KIND
from tests.house_rules import PROJECT, read_modules

_ASKS = re.compile(r"\b(?:postgresql_url|postgresql_store|new_database|own_cluster|cluster): ")
_MARK = re.compile(r"^@pytest\.mark\.each_database$", re.MULTILINE)
_ASKS_WHICH = re.compile(r"\.dialect\b|sqlalchemy\.dialects")
_MARKED_AT_MOST = 60
"""Tests of the rooms that have the same SQL on both. Whoever needs more says why here."""


def _place(name: str) -> str:
    return f"{name.replace('.', '/')}.py"


def test_only_rooms_whose_sql_differs_ask_for_postgresql_by_name() -> None:
    """And the composition of containers, in which it is one of them."""
    asking = {_place(module.name) for module in read_modules("tests") if _ASKS.search(module.text)}
    assert {place for place in asking if not place.startswith(SQL_BY_KIND)} == {
        "tests/conftest.py",
        "tests/test_containers.py",
    }


def test_elsewhere_few_tests_are_marked_for_both() -> None:
    marked = {_place(module.name): len(_MARK.findall(module.text)) for module in read_modules("tests")}
    assert 20 < sum(marked.values()) <= _MARKED_AT_MOST
    assert [place for place, count in marked.items() if count and place.startswith(SQL_BY_KIND)] == []


def test_no_other_room_asks_which_database_it_has() -> None:
    """So no line of one is run on PostgreSQL alone. What Prometheus is told is only the name."""
    asking = {module.name for module in read_modules("core") if _ASKS_WHICH.search(module.text)}
    rooms = {name.split(".")[1] for name in asking - {"core.api.metrics.state"}}
    assert rooms - {Path(place).stem.removeprefix("test_") for place in SQL_BY_KIND} == set()


def test_each_room_that_is_named_is_there() -> None:
    assert [place for place in SQL_BY_KIND if not (PROJECT / place).exists()] == []
