"""Who may do what, held as the table that the product promises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.access.roles import ROLES, Permission, Person, Scope, allow, lesser, may, may_use_agent, permissions, scope
from core.errors import NotAllowed

OPERATOR = {"CHAT", "CONSENT", "OWN_TRACES", "OWN_ACCESS"}
FINANCE = OPERATOR | {"ALL_COSTS", "OPERATIONS", "BUDGETS", "PRICES", "EXPORTS"}
ADMIN = FINANCE | {"TEXTS", "AGENTS", "DEMO", "PEOPLE", "KEYS", "AUDIT"}
TABLE = {"operator": OPERATOR, "finance": FINANCE, "admin": ADMIN}
BY_SIGN_IN_ONLY = {"OWN_ACCESS", "PEOPLE", "KEYS"}
FOR_ALL_AGENTS_ONLY = {"BUDGETS", "PRICES", "AGENTS", "DEMO", "AUDIT", "OPERATIONS"}
IF_MADE_FOR_IT = {"CONSENT"}


def somebody(role: str, token_id: str | None = None, agents: frozenset[str] | None = None) -> Person:
    return Person("me", "Ada", role, token_id, agents)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("permission", Permission)
def test_a_role_may_what_the_table_says(role: str, permission: Permission) -> None:
    promised = permission.name in TABLE[role]
    assert may(somebody(role), permission) == promised
    by_token = promised and permission.name not in BY_SIGN_IN_ONLY | IF_MADE_FOR_IT
    assert may(somebody(role, token_id="t"), permission) == by_token
    narrow = by_token and permission.name not in FOR_ALL_AGENTS_ONLY
    assert may(somebody(role, "t", frozenset({"a"})), permission) == narrow
    consents = Person("me", "Ada", role, "t", consents=True)
    assert may(consents, permission) == (promised and permission.name not in BY_SIGN_IN_ONLY)


def test_a_refusal_says_what_was_refused() -> None:
    with pytest.raises(NotAllowed, match=r"You may not change prices\. Ask an admin"):
        allow(somebody("operator"), Permission.PRICES)
    with pytest.raises(NotAllowed, match="with an API token"):
        allow(somebody("admin", token_id="t"), Permission.PEOPLE)
    allow(somebody("finance"), Permission.PRICES)


@given(st.text().filter(lambda role: role not in ROLES))
def test_a_role_nobody_knows_may_nothing(role: str) -> None:
    assert permissions(role) == frozenset()
    assert permissions(lesser(role, "admin")) == frozenset()


@given(st.sampled_from(ROLES), st.sampled_from(ROLES))
def test_the_lesser_role_may_what_both_may(one: str, other: str) -> None:
    assert permissions(lesser(one, other)) == permissions(one) & permissions(other)


@pytest.mark.parametrize(
    ("role", "expected"),
    [("operator", Scope("me", texts=True)), ("finance", Scope(None, texts=False)), ("admin", Scope(None, texts=True))],
)
def test_a_list_is_limited_by_role(role: str, expected: Scope) -> None:
    assert scope(somebody(role)) == expected


def test_a_list_is_limited_by_the_tokens_agents() -> None:
    assert scope(somebody("admin", "t", frozenset({"a"}))) == Scope(None, texts=True, agents=frozenset({"a"}))
    with pytest.raises(NotAllowed):
        scope(somebody("nobody"))


def test_agents_out_of_a_tokens_scope_are_not_there() -> None:
    token = somebody("operator", "t", frozenset({"a"}))
    assert [may_use_agent(token, agent) for agent in ("a", "b")] == [True, False]
    assert may_use_agent(somebody("operator"), "b")
    assert not may_use_agent(somebody("nobody"), "a")
