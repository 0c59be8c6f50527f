"""Secrets that mean nothing by themselves: 256 random bits, known to the database by the hash of the whole."""

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["session", "token", "link"]

# The log blots out whatever begins like this.
_BEGINS: dict[Kind, str] = {"session": "ccs_", "token": "cct_", "link": "ccl_"}
_REST = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def new_secret(kind: Kind) -> str:
    return _BEGINS[kind] + secrets.token_urlsafe(32)


def is_secret(text: str) -> bool:
    """Return whether it looks like one, good or not."""
    return text.startswith(tuple(_BEGINS.values()))


def derived_secret(kind: Kind, key: bytes, told: bytes) -> str:
    """Return the same for the same, and nobody's to guess who has not the key."""
    return _BEGINS[kind] + urlsafe_b64encode(hmac.digest(key, told, "sha256")).decode().rstrip("=")


def digest(kind: Kind, secret: str) -> str:
    """Return what the database knows a secret by; empty, which matches nothing, if it is no such secret at all."""
    begin, rest = secret[:4], secret[4:]
    if begin != _BEGINS[kind] or not _REST.fullmatch(rest):
        return ""
    return sha256(secret.encode("ascii")).hexdigest()
