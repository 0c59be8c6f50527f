"""Errors as programs and browsers read them: problem details as in RFC 9457."""

from starlette.responses import JSONResponse

from core.errors import AppError

SAFE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
"""For every answer: it is for this reader, this once, and only what its type says."""


def problem(error: AppError) -> JSONResponse:
    """The error's own words and code, and nothing else."""
    body = {"type": "about:blank", "status": error.status, "code": error.code, "detail": error.for_user}
    return JSONResponse(body, error.status, SAFE, "application/problem+json")
