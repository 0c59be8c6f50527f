"""The OpenAPI document: what the routes' types say, and how each of them can fail."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from core.api.docs.words import ABOUT, TAGS
from core.api.problems import Problem, raises
from core.errors import InputError, NotSignedIn, StoreError, TooManyRequests
from core.place import VERSION

Json: TypeAlias = dict[str, Any]

_UNTOLD = ("HTTPValidationError", "ValidationError")
_SAYS_NO_MORE = ("/healthz", "/readyz")
_OF_BODIES = (408, "body_too_slow"), (413, "body_too_large"), (415, "encoded_body")
_PROBLEM = "application/problem+json"


def document(app: FastAPI, root: str = "") -> Json:
    """Describe all its routes as they are now, which are found below the root."""
    servers: list[Json] = [{"url": root}] if root else []
    found = get_openapi(
        title=app.title, version=VERSION, description=ABOUT, tags=TAGS, routes=app.routes, servers=servers or None
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in _UNTOLD:
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update({**problem.pop("$defs"), "Problem": problem})
    for path, operation in operations(found):
        _complete(operation, reads=path not in _SAYS_NO_MORE)
    return found


def operations(of: Json) -> Iterator[tuple[str, Json]]:
    """Yield each operation with its path."""
    for path, methods in of["paths"].items():
        for operation in methods.values():
            yield path, operation


def _complete(operation: Json, *, reads: bool) -> None:
    """Add what the framework answers by itself, and what every problem looks like."""
    summary, _, rest = operation.get("description", "").partition("\n\n")
    operation |= {"summary": " ".join(summary.split()), "description": rest}
    responses = operation["responses"]
    if _is_untold(responses.get("422", {})):
        del responses["422"]
    common = raises(StoreError, TooManyRequests) if reads else {}
    if "security" in operation:
        common |= raises(NotSignedIn)
    if "parameters" in operation or "requestBody" in operation:
        common |= raises(InputError)
    if "requestBody" in operation:
        common |= raises(*_OF_BODIES)
    for status, said in common.items():
        known = responses.setdefault(str(status), {**said, "x-codes": []})
        known["x-codes"] = list(dict.fromkeys([*known["x-codes"], *said["x-codes"]]))
    for status, response in responses.items():
        if "x-codes" in response:
            _as_problem(int(status), response)
    operation["responses"] = dict(sorted(responses.items()))


def _is_untold(response: Json) -> bool:
    return "HTTPValidationError" in str(response.get("content"))


def _as_problem(status: int, response: Json) -> None:
    codes = response["x-codes"]
    example = {"type": "about:blank", "status": status, "code": codes[0], "detail": "What happened and what to do."}
    schema = {"$ref": "#/components/schemas/Problem"}
    response["content"] = {_PROBLEM: {"schema": schema, "example": example}}
    if status == 429:
        seconds = {"type": "integer", "minimum": 1}
        response["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": seconds}}
