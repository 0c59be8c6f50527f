"""The guard, from the outside in."""

from collections.abc import Callable, Sequence

from starlette.middleware import Middleware

from core.access.sessions import Session, Sessions
from core.api.guard.addresses import OwnAddresses
from core.api.guard.bodies import Bodies
from core.api.guard.cookies import SecureCookies
from core.api.guard.doors import Doors
from core.api.guard.headers import SafeHeaders
from core.api.guard.known_pages import KnownPages
from core.api.guard.leaving import Leaving
from core.api.guard.origins import OtherOrigins
from core.api.guard.rates import Rates
from core.api.guard.reviving import Reviving
from core.api.guard.rooms import Rooms
from core.api.guard.sign_in_first import SignInFirst
from core.api.guard.way_back import WayBack
from core.api.sub_path import SubPath, origin_of
from core.settings import Settings


def guard(chosen: Settings, pages: Sequence[str], rooms: Rooms, sessions: Callable[[], Sessions]) -> list[Middleware]:
    """Middleware that goes before any other; what it refuses costs nearly nothing and reaches nothing of ours.

    ``pages`` are the names of those that there are, ``rooms`` what they hold; ``sessions`` is asked at each use.
    """

    def check(secret: str) -> Session:
        return sessions().check(secret)

    def end(secret: str) -> None:
        sessions().sign_out(secret)

    provider = Middleware(WayBack), Middleware(Leaving, rooms=rooms, end=end)
    signing_in = {
        "accounts": [Middleware(SignInFirst, rooms=rooms, check=check)],
        "oidc": [*provider, Middleware(SignInFirst, rooms=rooms, check=None)],
    }.get(chosen.auth, [])
    https = chosen.public_url.startswith("https://")
    return [
        *([Middleware(SubPath, public_url=chosen.public_url)] if chosen.sub_path else []),
        Middleware(SafeHeaders, https=https),
        *([Middleware(SecureCookies)] if https else []),
        Middleware(OwnAddresses, public_url=origin_of(chosen.public_url), origins=chosen.origins),
        *([Middleware(OtherOrigins, origins=chosen.origins)] if chosen.origins else []),
        Middleware(KnownPages, names=pages),
        *signing_in,
        Middleware(Rates, per_minute=chosen.requests_per_minute),
        Middleware(Doors, rooms=rooms, check=check, chosen=chosen),
        Middleware(Bodies),
        Middleware(Reviving),
    ]
