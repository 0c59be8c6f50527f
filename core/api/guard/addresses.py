"""Who is meant and who sends: only our own names are answered, and only our own pages may change anything."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from core.api.guard.places import CLOSED, PROGRAMS, within
from core.api.guard.refusal import refuse
from core.api.problems import problem
from core.errors import AppError, InputError, NotAllowed, NotFound

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(:\d{1,5})?")
_UNSAFE_PATH = re.compile(r"[\x00-\x1f\x7f\\%]|//|(^|/)\.\.?(/|$)")
_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ELSEWHERE = ("cross-site", "same-site")


class OwnAddresses:
    """Looks at headers and ``scope["path"]`` alone, so that no header can pretend another path.

    The names of this machine are answered also where people open ``public_url``: health checks use them, and no other
    site's name can be made to mean them.
    """

    def __init__(self, app: ASGIApp, *, public_url: str = "", origins: Collection[str] = ()) -> None:
        """Pages of the ``origins`` may call what is for programs."""
        self._app = app
        self._names = _LOOPBACK | ({_name(urlsplit(public_url).netloc.lower())} if public_url else set())
        self._public_origin = {public_url.lower()} - {""}
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = None if scope["type"] == "lifespan" else self._fault(scope)
        if fault:
            await refuse(problem(fault), scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _fault(self, scope: Scope) -> AppError | None:
        headers = Headers(scope=scope)
        hosts = [host.lower() for host in headers.getlist("host")]
        if len(hosts) != 1 or _name(hosts[0]) not in self._names:
            return InputError("This server is not known by that name: open it at the address in PUBLIC_URL.")
        if _UNSAFE_PATH.search(scope["path"]):
            return InputError("There can be nothing at such an address. /api/docs lists what there is.")
        if within(scope["path"], CLOSED):
            return NotFound("There is nothing at this address.")
        if self._from_elsewhere(scope, headers, hosts[0]):
            return NotAllowed("This came from a page that is not ours: open Command Center itself and try again.")
        return None

    def _from_elsewhere(self, scope: Scope, headers: Headers, host: str) -> bool:
        """A browser names the page that sends; what names none is a program, which borrows nobody's cookies.

        That holds for WebSockets, too: a program could name any origin, so asking for one would stop nobody.
        """
        if scope["type"] == "http" and scope["method"] not in _CHANGES:
            return False
        origins = headers.getlist("origin")
        if origins:
            own = {f"http://{host}", f"https://{host}"} | self._public_origin
            own |= self._origins if within(scope["path"], PROGRAMS) else set()
            return len(origins) > 1 or origins[0].lower() not in own
        return "authorization" not in headers and headers.get("sec-fetch-site") in _ELSEWHERE


def _name(host: str) -> str | None:
    """Return the name without its port; None if it is no name."""
    found = _HOST.fullmatch(host)
    return found[1] if found else None
