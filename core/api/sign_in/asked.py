"""What a browser asks of these pages: who it is, what it filled in, and where it wants to go."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from core.access.visit import Visit
from core.api.cookies import SESSION_COOKIE
from core.errors import InputError, NotAllowed
from core.wiring import Services

_LARGEST_FORM = 16_000
_MOST_FIELDS = 10
_LONGEST_ADDRESS = 2_000
# Browsers read a backslash as a slash and leave out tabs and line breaks.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")


@dataclass(frozen=True, slots=True)
class Asked:
    """``fields`` are of the address if a page is asked for, else of the form that was sent."""

    services: Services
    visit: Visit
    fields: Mapping[str, str] = field(repr=False)

    def field(self, name: str) -> str:
        return self.fields.get(name, "")

    @property
    def next(self) -> str:
        return local(self.field("next"))


def local(address: str) -> str:
    """Return the address if it is surely one of ours, else the first page."""
    return address if len(address) <= _LONGEST_ADDRESS and _LOCAL.fullmatch(address) else "/"


def visit_of(request: Request) -> Visit:
    """Return who visits; the address is the client's own, or as a believed proxy says it (``FORWARDED_ALLOW_IPS``)."""
    return Visit(
        address=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
        cookie=request.cookies.get(SESSION_COOKIE, ""),
    )


def refuse_foreign(request: Request, public_origin: str) -> None:
    """Let nobody else's page send our forms. Raises NotAllowed."""
    origins = request.headers.getlist("origin")
    own = {public_origin, *(f"{scheme}://{request.headers.get('host', '')}" for scheme in ("http", "https"))}
    elsewhere = request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
    if elsewhere or any(urlsplit(origin).scheme == "" or origin not in own for origin in origins):
        raise NotAllowed("This form was sent from a page that is not ours. Open Command Center itself and try again.")


async def read_form(request: Request) -> dict[str, str]:
    """Raises InputError."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_FORM:
            raise InputError("This is too much text for this form.")
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise InputError("This form cannot be read. Go back and send it again.") from None
