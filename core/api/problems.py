"""Errors as programs and browsers read them: problem details as in RFC 9457."""

from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from core.errors import AppError, TooManyRequests
from core.events import TurnEnded

SAFE = {"Cache-Control": "no-store"}
"""For every answer: it is for this reader, this once; what else keeps answers safe the guard adds to all."""

_SAID = {
    400: "A parameter or field is missing or wrong; `errors` names it.",
    401: "Nobody is signed in, or the token is not valid.",
    402: "The budget for this is spent.",
    403: "The caller may not do this.",
    404: "It is not there, or belongs to somebody else.",
    405: "The address is not used in this way.",
    408: "It did not come in time.",
    409: "It is busy with something else.",
    413: "It is too large.",
    415: "It is sent in a form that is not taken.",
    422: "The key was used for another request.",
    429: "Too many requests; `Retry-After` says when to try again, in seconds.",
    500: "A fault on our side; it is in the log.",
    502: "The model's provider failed.",
    503: "It cannot be done at this moment.",
}


class FieldProblem(BaseModel):
    """What is wrong with which parameter or field."""

    field: str
    problem: str


class Problem(BaseModel):
    """An error, as in RFC 9457."""

    type: str = Field(description="Always `about:blank`: `code` says what it is.")
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="Stable, for programs.")
    detail: str = Field(description="What happened and what to do, for people.")
    message: str | None = Field(
        None, description="The same at the doors to agents, for the original system's programs."
    )
    errors: list[FieldProblem] | None = None


def raises(*errors: type[AppError] | tuple[int, str]) -> dict[int | str, dict[str, Any]]:
    """Return how a route can fail, for the document of the API: by an error of ours, or with a status and a code."""
    found: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        status, code = error if isinstance(error, tuple) else (error.status, error.code)
        said = found.setdefault(status, {"description": _SAID[status], "x-codes": []})
        said["x-codes"].append(code)
    return found


def problem(error: AppError) -> JSONResponse:
    """Return the error's own words and code, and nothing else."""
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooManyRequests) else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return details(error.status, error.code, error.for_user, headers)


def wrong(field: str, why: str) -> RequestValidationError:
    """Make the error for a parameter or field that is wrong in more than its type."""
    return RequestValidationError([{"type": "value_error", "loc": ("", field), "msg": why}])


def unreadable(error: RequestValidationError) -> JSONResponse:
    """Say what is wrong with which field; never what was sent."""
    found = [{"field": ".".join(map(str, each["loc"][1:])), "problem": each["msg"]} for each in error.errors()]
    detail = "The request is not usable: some fields are missing or wrong. See errors."
    return details(400, "invalid_input", detail, errors=found)


def not_there(error: HTTPException) -> JSONResponse:
    """Answer for an address with nothing at it, or not in this way."""
    known = {
        404: ("not_found", "There is nothing at this address. /api/docs lists what there is."),
        405: ("method_not_allowed", "This address is not used in this way. /api/docs says how."),
    }
    code, detail = known.get(error.status_code, ("invalid_input", "The request is not usable."))
    return details(error.status_code, code, detail, dict(error.headers or {}))


_BUSY = {"rate_limit_error", "overloaded_error", "api_error", "timeout_error", "request_timeout"}
_BUSY |= {"connection_error", "connect_timeout", "shutdown", "instance_lost", "store_unavailable"}


NOT_ANSWERED = (500, "internal"), (502, "not_answered"), (503, "try_again")
"""How a reply can fail once the turn has begun."""


def not_answered(end: TurnEnded, task_trace_id: str) -> JSONResponse:
    """Return a turn that failed: ``errorType`` is the provider's where it is the provider's failure."""
    kind = end.error_type or end.status
    status, code = (503, "try_again") if kind in _BUSY else (502, "not_answered")
    if kind == "internal":
        status, code = 500, "internal"
    return details(
        status,
        code,
        end.error_text or "There is no answer.",
        errorType=kind,
        taskTraceId=task_trace_id,
        stopReason=end.stop_reason,
        basis=end.basis,
    )


def details(status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """``code`` is stable for programs, ``detail`` is for people, ``more`` is more of the body."""
    body = {"type": "about:blank", "status": status, "code": code, "detail": detail, **more}
    return JSONResponse(body, status, {**SAFE, **(headers or {})}, "application/problem+json")
