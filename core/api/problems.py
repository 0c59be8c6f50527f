"""Errors as programs and browsers read them: problem details as in RFC 9457."""

from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from core.errors import AppError, TooManyRequests
from core.events import TurnEnded

SAFE = {"Cache-Control": "no-store"}
"""For every answer: it is for this reader, this once; what else keeps answers safe the guard adds to all."""


def problem(error: AppError) -> JSONResponse:
    """The error's own words and code, and nothing else."""
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooManyRequests) else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return details(error.status, error.code, error.for_user, headers)


def unreadable(error: RequestValidationError) -> JSONResponse:
    """What is wrong with which field; never what was sent."""
    found = [{"field": ".".join(map(str, each["loc"][1:])), "problem": each["msg"]} for each in error.errors()]
    detail = "The request is not usable: some fields are missing or wrong. See errors."
    return details(400, "invalid_input", detail, errors=found)


def not_there(error: HTTPException) -> JSONResponse:
    """For an address nothing answers at, or not in this way."""
    known = {
        404: ("not_found", "There is nothing at this address. /api/docs lists what there is."),
        405: ("method_not_allowed", "This address is not used in this way. /api/docs says how."),
    }
    code, detail = known.get(error.status_code, ("invalid_input", "The request is not usable."))
    return details(error.status_code, code, detail, dict(error.headers or {}))


_BUSY = {"rate_limit_error", "overloaded_error", "api_error", "timeout_error", "request_timeout"}
_BUSY |= {"connection_error", "connect_timeout", "shutdown", "instance_lost", "store_unavailable"}


def not_answered(end: TurnEnded, task_trace_id: str) -> JSONResponse:
    """A turn that failed: ``errorType`` is the provider's where it is the provider's failure."""
    kind = end.error_type or end.status
    status, code = (503, "try_again") if kind in _BUSY else (502, "not_answered")
    if kind == "internal":
        status, code = 500, "internal"
    return details(status, code, end.error_text or "There is no answer.", errorType=kind, taskTraceId=task_trace_id)


def details(status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """``code`` is stable for programs, ``detail`` is for people, ``more`` is more of the body."""
    body = {"type": "about:blank", "status": status, "code": code, "detail": detail, **more}
    return JSONResponse(body, status, {**SAFE, **(headers or {})}, "application/problem+json")
