"""What a request may bring: so many bytes, as they are, in time, and JSON that is not too deep."""

import asyncio
import re
from array import array
from dataclasses import dataclass
from itertools import accumulate

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.api.guard.places import PROGRAMS, UPLOADS, within
from core.api.guard.refusal import refuse
from core.api.problems import details

MESSAGE_BYTES = 5_000_000
"""Room for a message of 400,000 characters, each as long as JSON can write it."""
FORM_BYTES = 16_000
"""What any other address may be sent; forms are short."""
DEEPEST = 64
_FORMS = ("multipart/", "application/x-www-form-urlencoded")


@dataclass(frozen=True)
class Patience:
    """In seconds: between two pieces, and for the whole."""

    silence: float = 10
    whole: float = 30


class _Refused(Exception):
    def __init__(self, response: Response) -> None:
        self.response = response


class _Gone(Exception):
    """The sender has left."""


class Bodies:
    """Reads a body whole before the application runs, so that a slow or bad one costs no more than its bytes.

    Files that pages upload pass as they come, for as long as they do not stop coming.
    """

    def __init__(self, app: ASGIApp, *, patience: Patience | None = None) -> None:
        self._app = app
        self._patience = patience or Patience()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, await self._checked(scope, headers, receive), send)
        except _Refused as refused:
            await refuse(refused.response, scope, receive, send)
        except _Gone:
            return

    async def _checked(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """Return what the application may receive. Raises _Refused, _Gone."""
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise _Refused(details(415, "encoded_body", "Send the body as it is, without Content-Encoding."))
        if within(scope["path"], UPLOADS):
            return self._patient(receive)
        most = MESSAGE_BYTES if within(scope["path"], PROGRAMS) else FORM_BYTES
        if int(headers.get("content-length", 0)) > most:
            raise _too_large(most)
        body = await self._whole(receive, most)
        if not headers.get("content-type", "").lower().startswith(_FORMS):
            _check_json(body)
        return _again(body, receive)

    async def _whole(self, receive: Receive, most: int) -> bytes:
        try:
            async with asyncio.timeout(self._patience.whole):
                return await _gathered(self._patient(receive), most)
        except TimeoutError:
            raise _too_slow() from None

    def _patient(self, receive: Receive) -> Receive:
        """Raises _Refused if nothing comes for too long while more of the body is due."""
        due = True

        async def patient() -> Message:
            nonlocal due
            try:
                async with asyncio.timeout(self._patience.silence if due else None):
                    message = await receive()
            except TimeoutError:
                raise _too_slow() from None
            due = message.get("more_body", False)
            return message

        return patient


async def _gathered(receive: Receive, most: int) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return the body as one message, then whatever comes: at most the word that the caller has left."""
    waiting = [body]

    async def again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again


def _check_json(body: bytes) -> None:
    """JSON is UTF-8, which has no NUL in it; in other encodings brackets could hide."""
    if b"\0" in body:
        raise _Refused(details(400, "invalid_input", "The body is not JSON in UTF-8."))
    if is_deeper_than(body, DEEPEST):
        raise _Refused(details(400, "invalid_input", f"The JSON is nested deeper than {DEEPEST} levels."))


def _too_large(most: int) -> _Refused:
    return _Refused(details(413, "body_too_large", f"The body is too large: at most {most:,} bytes are taken here."))


def _too_slow() -> _Refused:
    return _Refused(details(408, "body_too_slow", "The body did not come in time: send it again, at once."))


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))


def is_deeper_than(text: bytes, levels: int) -> bool:
    """Return whether brackets of a UTF-8 text, but for those in strings, are more than ``levels`` deep anywhere."""
    if text.count(b"[") + text.count(b"{") <= levels:
        return False
    # As signed bytes, each bracket is its step down or up.
    steps = array("b", _STRING.sub(b"", text).translate(_STEPS, _NO_BRACKETS))
    return max(accumulate(steps), default=0) > levels
