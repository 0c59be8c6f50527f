"""What an identity provider tells of somebody, as far as it is of use here."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.access.identity import LOCAL_EMAIL, checked_name, kept_email
from core.errors import InputError, NotSignedIn

_LONGEST, _LONGEST_NAME = 255, 80


@dataclass(frozen=True, slots=True)
class Told:
    """``email`` is one that the identity provider has verified, or None."""

    issuer: str
    subject: str
    email: str | None
    name: str
    groups: frozenset[str]
    issued_at: datetime
    expires_at: datetime


def told_by(claims: Mapping[str, Any], groups_claim: str) -> Told:
    """Raises NotSignedIn if they do not say who it is, or when that was said."""
    email = _email(claims)
    subject = _word(claims, "sub")
    return Told(
        issuer=_word(claims, "iss"),
        subject=subject,
        email=email,
        name=_name(claims, email or subject),
        groups=_groups(claims.get(groups_claim)),
        issued_at=_moment(claims, "iat"),
        expires_at=_moment(claims, "exp"),
    )


def _word(claims: Mapping[str, Any], name: str) -> str:
    word = claims.get(name)
    if not isinstance(word, str) or not 1 <= len(word) <= _LONGEST or not word.isprintable():
        raise _unusable(name)
    return word


def _moment(claims: Mapping[str, Any], name: str) -> datetime:
    seconds = claims.get(name)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise _unusable(name)
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise _unusable(name) from None


def _email(claims: Mapping[str, Any]) -> str | None:
    """Some identity providers spell the flag as a word. Nobody can be the local person of work without sign-in."""
    email, verified = claims.get("email"), claims.get("email_verified")
    kept = kept_email(email) if isinstance(email, str) and verified in (True, "true") else None
    return None if kept == LOCAL_EMAIL else kept


def _name(claims: Mapping[str, Any], otherwise: str) -> str:
    for name in (claims.get("name"), claims.get("preferred_username"), otherwise.partition("@")[0]):
        with suppress(InputError):
            return checked_name(str(name or "")[:_LONGEST_NAME])
    return "Somebody"


def _groups(groups: object) -> frozenset[str]:
    """Return a list of words, or one word."""
    found = groups if isinstance(groups, list) else [groups]
    return frozenset(group for group in found if isinstance(group, str))


def _unusable(name: str) -> NotSignedIn:
    return NotSignedIn(f"The identity provider did not say who you are ({name} is missing or odd). Sign in again.")
