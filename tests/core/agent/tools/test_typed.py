"""A function says what it takes, and gets no more and no less than that."""

import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from core.access.roles import Person
from core.agent.tools.tool import ToolContext
from core.agent.tools.typed import typed_tool
from tests.core.agent.tools.asking import ADA, run


def book(
    asking: ToolContext,
    seats: Annotated[int, Field(description="How many.", ge=1)],
    row: Literal["front", "back"] = "back",
    *,
    day: date | None = None,
) -> str:
    """Book seats for
    the person who asks.

    Only once.
    """
    return f"{asking.by.id} {seats} {row} {day!r}"


def test_the_schema_is_the_signature_without_the_one_who_asks() -> None:
    assert typed_tool(book).input_schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["seats"],
        "properties": {
            "seats": {"type": "integer", "minimum": 1, "description": "How many."},
            "row": {"type": "string", "enum": ["front", "back"], "default": "back"},
            "day": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None},
        },
    }


def test_the_name_and_the_description_are_the_functions() -> None:
    tool = typed_tool(book, timeout_seconds=3)
    assert (tool.name, tool.timeout_seconds) == ("book", 3)
    assert tool.description == "Book seats for the person who asks.\n\nOnly once."


def test_the_function_gets_values_of_its_types_and_who_asks() -> None:
    outcome = run(typed_tool(book), {"seats": 2, "day": "2026-11-21"})
    assert (outcome.text, outcome.failure) == ("ada 2 back datetime.date(2026, 11, 21)", None)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, "'seats' is a required property"),
        ({"seats": 0}, "$.seats: 0 is less than the minimum of 1"),
        ({"seats": "2"}, "$.seats: '2' is not of type 'integer'"),
        ({"seats": 2, "row": "middle"}, "$.row: 'middle' is not one of ['front', 'back']"),
        ({"seats": 2, "asking": {"role": "admin"}}, "'asking' was unexpected"),
        ({"seats": 2, "day": "tomorrow"}, "day: Input should be a valid date"),
        ([2], "must be a JSON object"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_runs(given: Any, wrong: str) -> None:
    outcome = run(typed_tool(book), given)
    assert outcome.failure == "invalid_input"
    assert wrong in outcome.text


def test_a_plain_function_runs_off_the_event_loop_and_an_async_one_on_it() -> None:
    def plain() -> str:
        """Where am I?"""
        return threading.current_thread().name

    async def on_the_loop() -> str:
        """Where am I?"""
        return threading.current_thread().name

    here = threading.current_thread().name
    assert run(typed_tool(plain)).text != here
    assert run(typed_tool(on_the_loop)).text == here


def test_a_result_that_is_not_text_becomes_json() -> None:
    def figures() -> dict[str, Any]:
        """Some figures."""
        return {"cost": Decimal("0.10"), "day": date(2026, 11, 21)}

    assert run(typed_tool(figures)).text == '{"cost":"0.10","day":"2026-11-21"}'


def without_docstring(a: int) -> str:
    return str(a)


def without_a_type(a) -> str:  # type: ignore[no-untyped-def]
    """A tool."""
    return str(a)


def with_any_number(*a: int) -> str:
    """A tool."""
    return str(a)


def with_asking_perhaps(asking: ToolContext | None = None) -> str:
    """A tool."""
    return str(asking)


def with_asking_explained(asking: Annotated[ToolContext, Field(description="Who asks.")]) -> str:
    """A tool."""
    return str(asking)


@pytest.mark.parametrize(
    "function",
    [without_docstring, without_a_type, with_any_number, with_asking_perhaps, with_asking_explained],
)
def test_a_function_that_says_too_little_is_no_tool(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="needs"):
        typed_tool(function)


def test_the_asking_persons_rights_cannot_be_given_by_the_model() -> None:
    outcome = run(typed_tool(book), {"seats": 1}, ToolContext(Person("bob", "Bob", "operator"), ADA.zone))
    assert outcome.text.startswith("bob")
