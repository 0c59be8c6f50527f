"""A typed Python function as a tool: its signature and docstring are what the model is told."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, get_args, get_type_hints

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, to_json

from core.agent.tools.tool import Tool, ToolContext
from core.errors import ToolInputInvalid

_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class _WithoutTitles(GenerateJsonSchema):
    """Titles only repeat the names, and the model would pay for reading them."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False

    def generate(self, schema: CoreSchema, mode: Any = "validation") -> JsonSchemaValue:
        whole = super().generate(schema, mode)
        for each in (whole, *whole.get("$defs", {}).values()):
            each.pop("title", None)
        return whole


@dataclass(frozen=True, slots=True)
class _Told:
    """What a function says about itself."""

    name: str
    description: str
    arguments: type[BaseModel]
    schema: JsonSchemaValue
    asking: tuple[str, ...]


def typed_tool(function: Callable[..., Any], *, timeout_seconds: float = 30.0) -> Tool:
    """Return a tool that calls the function or method, off the event loop unless it is async.

    The name and the docstring are the function's; ``Annotated[..., Field(description=...)]`` explains a parameter. One
    annotated ``ToolContext`` gets the caller and is hidden from the model. A result that is not text becomes JSON.
    Raises TypeError for a function that says too little about itself.
    """
    told = _told(function.__func__, bound=1) if inspect.ismethod(function) else _told(function)
    call = function if inspect.iscoroutinefunction(function) else partial(_in_a_thread, function)

    async def run(given: Mapping[str, Any], whose: ToolContext) -> str:
        values = _checked(told.arguments, given)
        result = await call(**values, **dict.fromkeys(told.asking, whose))
        return result if isinstance(result, str) else to_json(result).decode()

    return Tool(told.name, told.description, told.schema, run, timeout_seconds)


@cache
def _told(function: Callable[..., Any], bound: int = 0) -> _Told:
    """Once for each function, because a schema takes milliseconds; so many first parameters are bound already."""
    name, description = function.__name__, inspect.getdoc(function)
    if not description:
        raise TypeError(f"The tool {name} needs a docstring: it is what the model is told.")
    hints = get_type_hints(function, include_extras=True)
    parameters = list(inspect.signature(function).parameters.values())[bound:]
    arguments = _arguments(name, parameters, hints)
    asking = tuple(each.name for each in parameters if hints.get(each.name) is ToolContext)
    schema = arguments.model_json_schema(schema_generator=_WithoutTitles)
    return _Told(name, _in_paragraphs(description), arguments, schema, asking)


def _arguments(name: str, parameters: Iterable[inspect.Parameter], hints: Mapping[str, Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for each in parameters:
        if each.kind not in _KINDS or each.name not in hints:
            raise TypeError(f"The tool {name} cannot take {each}: a parameter needs a name and a type.")
        hint = hints[each.name]
        if ToolContext in get_args(hint):
            raise TypeError(
                f"The tool {name} needs {each.name} to be ToolContext and nothing else, or the model fills it in."
            )
        if hint is not ToolContext:
            fields[each.name] = (hint, ... if each.default is each.empty else each.default)
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _checked(arguments: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        parsed = arguments.model_validate(dict(given))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        problems = [f"{'.'.join(map(str, each['loc'])) or 'input'}: {each['msg']}" for each in found]
        raise ToolInputInvalid("\n".join(problems)) from None
    fields: dict[str, FieldInfo] = arguments.model_fields
    return {field: getattr(parsed, field) for field in fields}


async def _in_a_thread(function: Callable[..., Any], **values: Any) -> Any:
    """A thread cannot be ended: after a time-out it is left to finish alone."""
    return await anyio.to_thread.run_sync(partial(function, **values), abandon_on_cancel=True)


def _in_paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
