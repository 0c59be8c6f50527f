"""``/api/docs``: the OpenAPI document as one page for people, without a script and without anything from elsewhere."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined

from core.api.docs.document import Json
from core.api.docs.fields import Field, Schemas

docs = APIRouter(include_in_schema=False)

_TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    media_type: str
    meaning: str
    codes: tuple[str, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """``secret`` tells whether it needs a token; ``events`` is what its stream may send, by name."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    secret: bool
    curl: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[Answer, ...]
    events: tuple[tuple[str, str, tuple[Field, ...]], ...]


@docs.get("/api/docs", response_class=HTMLResponse)
def read_docs(request: Request) -> HTMLResponse:
    return HTMLResponse(page(json.dumps(request.app.openapi()), request.app.state.services().settings.address))


@cache
def page(document: str, origin: str) -> str:
    """Return the document, as JSON, drawn; ``origin`` is the server's in examples."""
    whole = json.loads(document)
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    sections = list(_sections(whole, origin))
    template, root = environment.from_string(_TEMPLATE.read_text("utf-8")), urlsplit(origin).path
    return template.render(info=whole["info"], sections=sections, root=root)


def _sections(whole: Json, origin: str) -> Iterator[tuple[Json, list[Operation]]]:
    """Return the sections that have anything in them."""
    schemas = Schemas.of(whole)
    every = [
        (operation["tags"][0], _operation(schemas, origin, path, method, operation))
        for path, methods in whole["paths"].items()
        for method, operation in methods.items()
    ]
    for tag in whole["tags"]:
        found = [operation for name, operation in every if name == tag["name"]]
        if found:
            yield tag, found


def _operation(schemas: Schemas, origin: str, path: str, method: str, said: Json) -> Operation:
    body = _content(said.get("requestBody", {}))[1]
    return Operation(
        id=said["operationId"],
        method=method.upper(),
        path=path,
        summary=said["summary"],
        description=said["description"],
        secret="security" in said,
        curl=_curl(schemas, origin, path, method, said),
        parameters=tuple(_parameter(schemas, each) for each in said.get("parameters", ())),
        body=tuple(schemas.fields(body)) if body else (),
        answers=tuple(_answer(schemas, status, each) for status, each in said["responses"].items()),
        events=tuple(_events(schemas, said.get("x-events", {}))),
    )


def _parameter(schemas: Schemas, said: Json) -> Field:
    schema = said["schema"]
    default = schema.get("default")
    usual = f" Usually {json.dumps(default)}." if default not in (None, "", []) else ""
    meaning = (said.get("description") or schema.get("description") or "") + usual
    return Field(said["name"], f"{schemas.kind(schema)} in the {said['in']}", said.get("required", False), meaning)


def _answer(schemas: Schemas, status: str, said: Json) -> Answer:
    media_type, schema = _content(said)
    problem = "x-codes" in said
    fields = () if problem or not schema else tuple(schemas.fields(schema))
    meaning = "" if said["description"] == "Successful Response" else said["description"]
    return Answer(status, media_type, meaning, tuple(said.get("x-codes", ())), fields)


def _events(schemas: Schemas, said: Json) -> Iterator[tuple[str, str, tuple[Field, ...]]]:
    for name, event in said.items():
        yield name, event.get("description", ""), tuple(schemas.fields(event.get("schema", {})))


def _content(said: Json) -> tuple[str, Json]:
    """Return the media types it comes in, and the schema of the first that has one."""
    content = said.get("content", {})
    names = (name.partition(";")[0] for name in content)
    return " or ".join(names), next((each["schema"] for each in content.values() if each.get("schema")), {})


def _curl(schemas: Schemas, origin: str, path: str, method: str, said: Json) -> str:
    parts = ["curl", "-sS"]
    content = said.get("requestBody", {}).get("content", {})
    if "text/event-stream" in str(said["responses"]):
        parts.append("-N")
    if method != "get":
        parts += ["-X", method.upper()]
    parts.append(_quoted(origin + _filled(path, said) + _query(said)))
    if "security" in said:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if content:
        sent = json.dumps(schemas.example(_content(said["requestBody"])[1]), ensure_ascii=False)
        parts += ["-H 'Content-Type: application/json'", "-d " + shlex.quote(sent)]
    return " ".join(parts)


def _quoted(address: str) -> str:
    return f'"{address}"' if "$" in address else shlex.quote(address)


def _filled(path: str, said: Json) -> str:
    """Ids become variables of the shell; what has an example becomes that."""
    for each in said.get("parameters", ()):
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", _example(each) or "$" + _variable(each["name"]))
    return path


def _query(said: Json) -> str:
    shown = [(each, _example(each)) for each in said.get("parameters", ()) if each["in"] == "query"]
    parts = [
        f"{each['name']}={value or '$' + _variable(each['name'])}" for each, value in shown if value or _must(each)
    ]
    return "?" + "&".join(parts) if parts else ""


def _must(parameter: Json) -> bool:
    return bool(parameter.get("required"))


def _example(parameter: Json) -> str:
    examples: Any = parameter["schema"].get("examples") or [""]
    return str(examples[0])


def _variable(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
