"""Answering instead of the application, whatever kind of connection it is."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


async def refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send it and end the connection: what else may come on it was meant for another answer."""
    if scope["type"] == "http":
        response.headers["Connection"] = "close"
    if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", {}):
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008})
