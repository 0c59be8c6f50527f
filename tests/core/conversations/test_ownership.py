"""Who may read somebody's words."""

import pytest

from core.access.roles import Person
from core.conversations.ownership import may_read


@pytest.mark.parametrize(
    ("role", "own", "others"), [("admin", True, True), ("operator", True, False), ("finance", False, False)]
)
def test_words_are_for_their_owner_and_admins_and_never_for_finance(role: str, own: bool, others: bool) -> None:
    person = Person("ada", "Ada", role)
    assert (may_read(person, "ada"), may_read(person, "bob")) == (own, others)
