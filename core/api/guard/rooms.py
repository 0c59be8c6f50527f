"""What the pages' server holds for browsers, as far as its doors must know it; pages/parts/rooms.py tells it."""

from collections.abc import Collection, Mapping
from typing import Protocol


class Rooms(Protocol):
    """A room is what one open page has on the server, known by its id. All may be asked on the event loop."""

    def secret(self, cookies: Mapping[str, str]) -> str:
        """Return the secret of the sign-in that a browser's cookies prove, alive or not; empty if they prove none."""
        ...

    def cookies(self, room: str) -> Mapping[str, str] | None:
        """Return the cookies with which its page was opened; None if it is not open."""
        ...

    def drawn_in(self, file: str) -> Collection[str]:
        """Return the rooms that a file of /media was drawn or made for."""
        ...

    def asks_for(self, message: bytes) -> str | None:
        """Return the room whose download a browser's message asks to be made; None if it asks for none."""
        ...

    def held(self) -> Mapping[str, tuple[int, int]]:
        """Return how many uploaded files each room holds, and their bytes."""
        ...

    def exists(self, room: str) -> bool:
        """Return whether it is open, or may still be come back to."""
        ...

    def clear(self, room: str) -> None:
        """Let go of its uploaded files."""
        ...
