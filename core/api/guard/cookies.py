"""Cookies that browsers send back over HTTPS alone, also those that others than we set."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class SecureCookies:
    """For where people open it with HTTPS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_secured(message: Message) -> None:
            if "headers" in message:
                message = {**message, "headers": [(name, _secured(name, value)) for name, value in message["headers"]]}
            await send(message)

        await self._app(scope, receive, send_secured)


def _secured(name: bytes, value: bytes) -> bytes:
    if name.lower() != b"set-cookie":
        return value
    said = {part.strip().lower() for part in value.split(b";")[1:]}
    return value if b"secure" in said else value + b"; Secure"
