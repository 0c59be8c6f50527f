"""Addresses and names as people type them, and as they are kept."""

import re

from core.access.roles import ROLES
from core.errors import InputError

LOCAL_EMAIL = "admin@localhost"
"""Of the one person of an installation without sign-in, who never signs in."""

_LONGEST_EMAIL, _LONGEST_NAME = 254, 80
# ASCII alone: letters that look or fold alike must not make two people one.
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII)
_JOINERS = str.maketrans("", "", "\u200c\u200d")


def kept_email(text: str) -> str | None:
    """Return the one spelling by which a person is known; None if it can be nobody's."""
    email = text.strip()
    if not email.isascii() or len(email) > _LONGEST_EMAIL or not _EMAIL.fullmatch(email.lower()):
        return None
    return email.lower()


def checked_email(text: str) -> str:
    """Raises InputError."""
    email = kept_email(text)
    if not text.strip():
        raise InputError("An e-mail address is missing.")
    if email is None or email == LOCAL_EMAIL:
        raise InputError(
            "This is not an e-mail address with an @ and a domain. Write it in plain letters; "
            "a domain with others has a form that begins with xn--."
        )
    return email


def checked_name(text: str, what: str = "name") -> str:
    """Return the name with single spaces. Raises InputError."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise InputError(f"The {what} must have 1 to {_LONGEST_NAME} characters.")
    if not name.translate(_JOINERS).isprintable():
        raise InputError(f"The {what} contains an invisible character. Type it again.")
    return name


def checked_role(role: str) -> str:
    """Raises InputError."""
    if role not in ROLES:
        raise InputError(f"Unknown role. Choose one of {', '.join(ROLES)}.")
    return role
