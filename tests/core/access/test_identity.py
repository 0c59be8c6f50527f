"""What people type as addresses and names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.access.identity import checked_email, checked_name, checked_role, kept_email
from core.errors import InputError


def test_an_address_has_one_spelling() -> None:
    assert checked_email("  Ada.Byron+x@Example.ORG\n") == "ada.byron+x@example.org"


HOSTILE = [
    "",
    "ada",
    "@example.org",
    "ada@",
    "ada@@example.org",
    "ada@example..org",
    "ada@example.org.",
    "ada @example.org",
    "ada@exa mple.org",
    "ada@example.org\nbcc: all@example.org",
    "ada\0@example.org",
    "ad\u0430@example.org",
    "\u0130da@example.org",
    "ada@example.org" + "g" * 250,
    "a" * 65 + "@example.org",
    "'; DROP TABLE users; --@example.org",
    "<script>@example.org",
    "\ud800@example.org",
    "admin@localhost",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="e-mail address"):
        checked_email(text)


@given(st.text())
def test_a_kept_address_is_its_own_spelling(text: str) -> None:
    kept = kept_email(text)
    assert kept is None or kept_email(kept) == kept


@given(st.emails())
def test_usual_addresses_are_taken(email: str) -> None:
    assert kept_email(email) == email.lower()


def test_a_name_has_single_spaces() -> None:
    assert checked_name("  Ada \t  Byron ") == "Ada Byron"
    assert checked_name("نیلوفر\u200cها") == "نیلوفر\u200cها"


@pytest.mark.parametrize("text", ["", "   ", "x" * 81, "Ada\0", "Ada\u202eByron", "Ada\x1b[31m", "\ud800", "\u200b"])
def test_a_name_that_cannot_be_shown_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="name"):
        checked_name(text)


@pytest.mark.parametrize("role", ["", "root", "Admin", "admin "])
def test_only_the_roles_there_are_are_taken(role: str) -> None:
    with pytest.raises(InputError, match="operator, finance, admin"):
        checked_role(role)
