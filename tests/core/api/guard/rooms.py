"""Rooms as a test furnishes them, and sessions whose cookie is the name of who is signed in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from core.access.roles import Person
from core.access.sessions import Session, Sessions
from core.api.cookies import SESSION_COOKIE
from core.clock import now
from core.errors import NotSignedIn, StoreError

PEOPLE = ("ada", "bob")


def session_of(secret: str) -> Session:
    if secret not in PEOPLE:
        raise NotSignedIn("Nobody.")
    return Session(f"session of {secret}", Person(secret, secret, "operator"), now() + timedelta(days=1))


def no_sessions() -> Sessions:
    raise StoreError("There is no database here.")


@dataclass
class Rooms:
    """``open`` has the cookies that each room was opened with."""

    open: dict[str, dict[str, str]] = field(default_factory=dict)
    drawn: dict[str, set[str]] = field(default_factory=dict)
    files: dict[str, list[int]] = field(default_factory=dict)

    def enter(self, room: str, who: str) -> None:
        self.open[room] = {SESSION_COOKIE: who}

    def secret(self, cookies: Mapping[str, str]) -> str:
        return cookies.get(SESSION_COOKIE, "")

    def cookies(self, room: str) -> Mapping[str, str] | None:
        return self.open.get(room)

    def drawn_in(self, file: str) -> Collection[str]:
        return self.drawn.get(file, set())

    def asks_for(self, message: bytes) -> str | None:
        return message.decode().removeprefix("make ") if message.startswith(b"make ") else None

    def held(self) -> Mapping[str, tuple[int, int]]:
        return {room: (len(sizes), sum(sizes)) for room, sizes in self.files.items() if sizes}

    def exists(self, room: str) -> bool:
        return room in self.open

    def clear(self, room: str) -> None:
        self.files.pop(room, None)
