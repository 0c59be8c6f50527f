"""Why a connection to a server failed, in words that a page can show."""

from collections.abc import Callable

import httpx2
from mcp import MCPError
from pydantic import ValidationError

from core.agent.mcp.server import McpServer
from core.logs import redaction

_LONGEST = 300


def reason_of(error: Exception | None, server: McpServer) -> str:
    """Say in one sentence or two why, without the server's secrets."""
    return without_secrets(server)(_said(_innermost(error), server))[:_LONGEST]


def without_secrets(server: McpServer) -> Callable[[str], str]:
    """Return a function that blots out the server's secrets wherever it repeats them."""
    # Of a header such as Authorization also without the word that says what kind it is.
    headers = [part for value in server.headers.values() for part in (value, value.rpartition(" ")[2])]
    return redaction([*server.env.values(), *headers])


def _innermost(error: Exception | None) -> Exception | None:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _said(error: Exception | None, server: McpServer) -> str:
    match error:
        case None:
            return "It closed the connection."
        case FileNotFoundError():
            return f"There is no program called {server.command} here."
        case PermissionError():
            return f"{server.command} is not a program that may be run."
        case TimeoutError() | httpx2.TimeoutException():
            return "It did not answer in time."
        case httpx2.HTTPStatusError(response=response):
            return f"It answers {response.status_code} {response.reason_phrase}: check the headers with its secrets."
        case httpx2.TransportError():
            return f"It cannot be reached at its address: {error}"
        case MCPError():
            return f"It refused: {error.message}"
        case ValidationError():
            first = error.errors()[0]
            return f"It breaks the protocol: {'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"
