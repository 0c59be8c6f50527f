"""Addresses that open one file for a while: what they ask for is in them, signed, so that nobody can ask for more."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from core.analytics.filters import TraceFilter
from core.errors import NotAllowed, SetupError
from core.exports.columns import FILES, FileName
from core.key_file import key_file

ADDRESS = "/api/exports"
VALID_SECONDS = 15 * 60
_KEY_BYTES = 32
_EXPIRED = "This link has expired. Go back to the page and use the new one there."
_FORGED = "This link is not valid. Go back to the page and use the one there."


@dataclass(frozen=True, slots=True)
class Order:
    """One file of one choice for the person who ordered it, perhaps through a token; ``zone`` is theirs.

    ``rows`` is how many there were then, if that is known.
    """

    id: str
    person_id: str
    file: FileName
    chosen: TraceFilter
    zone: str
    rows: int | None = None
    token_id: str | None = None


class Links:
    def __init__(self, key: bytes) -> None:
        how = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._serializer = URLSafeTimedSerializer(key, salt="export 2", signer_kwargs=how)

    def token(self, order: Order) -> str:
        """Valid from now on."""
        return str(self._serializer.dumps({**asdict(order), "chosen": filter_parts(order.chosen)}))

    def read(self, token: str, file: str, *, seconds: int = VALID_SECONDS) -> Order:
        """Raises NotAllowed for a token that is not ours, is for another file, or is older than so many seconds."""
        try:
            found = self._serializer.loads(token, max_age=seconds)
        except SignatureExpired:
            raise NotAllowed(_EXPIRED) from None
        except BadData:
            raise NotAllowed(_FORGED) from None
        if found["file"] != file or file not in FILES:
            raise NotAllowed(_FORGED)
        return Order(**{**found, "chosen": _filter(found["chosen"])})


def address(file: FileName, token: str, part: Literal["", "/progress", "/manifest"] = "") -> str:
    """Return the address of the file itself or of what is known of it, relative to the server."""
    return f"{ADDRESS}/{file}.csv{part}?token={token}"


def filter_parts(chosen: TraceFilter) -> dict[str, Any]:
    """Return what the filter says, as JSON; what it lets through is left out."""
    said = {name: value for name, value in asdict(chosen).items() if value}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in said.items()}


def _filter(parts: dict[str, Any]) -> TraceFilter:
    return TraceFilter(**{name: _VALUES.get(name, tuple)(value) for name, value in parts.items()})


_VALUES: dict[str, Callable[[Any], Any]] = {
    "start": datetime.fromisoformat,
    "end": datetime.fromisoformat,
    "text": str,
}


def signing_key(path: Path) -> bytes:
    """Return the key in the file, made if there is none; only this user may read it. Raises SetupError."""
    key = key_file(path, lambda: secrets.token_bytes(_KEY_BYTES))
    if len(key) < _KEY_BYTES:
        raise SetupError(f"The key {path} is too short to be one. Delete it: a new one is made at the next start.")
    return key
