"""A server's tools as a page shows them, and which of them the model can be offered."""

from collections.abc import Iterable
from inspect import cleandoc
from typing import Any

from jsonschema import Draft202012Validator, SchemaError
from jsonschema.validators import validator_for
from mcp.types import Tool

from core.agent.mcp.server import McpToolView

LONGEST_DESCRIPTION = 10_000
_REFUSED_AT_THE_TOP = ("oneOf", "anyOf", "allOf")


def viewed(tools: Iterable[Tool]) -> tuple[McpToolView, ...]:
    """Return the tools, of those with the same name only the first."""
    first: dict[str, Tool] = {}
    for tool in tools:
        first.setdefault(tool.name, tool)
    return tuple(
        McpToolView(tool.name, _description(tool), tool.input_schema, _problem(tool)) for tool in first.values()
    )


def _description(tool: Tool) -> str:
    return cleandoc(tool.description or tool.title or "")[:LONGEST_DESCRIPTION]


def _problem(tool: Tool) -> str | None:
    """One such tool would make the provider refuse the whole request."""
    schema: dict[str, Any] = tool.input_schema
    if wrong := [word for word in _REFUSED_AT_THE_TOP if word in schema]:
        return f"Its input is described with {wrong[0]}, which models do not take."
    try:
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        return f"The description of its input is not valid: {error.message[:200]}"
    return None
