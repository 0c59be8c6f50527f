"""Who may do what: the one place that decides."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.errors import NotAllowed

ROLES: Final = ("operator", "finance", "admin")
"""Each may do what those before it may."""


class Permission(StrEnum):
    """The words that complete: you may not …"""

    CHAT = "chat with agents"
    CONSENT = "consent to what tools do"
    OWN_TRACES = "see traces and costs of your own"
    OWN_ACCESS = "manage your own password, sessions, tokens and provider key"
    ALL_COSTS = "see what others spent"
    OPERATIONS = "read the metrics of all agents together"
    BUDGETS = "change budgets"
    PRICES = "change prices"
    EXPORTS = "download traces and costs"
    TEXTS = "read what others wrote"
    AGENTS = "change agents and their tools"
    DEMO = "load or remove the demo month"
    PEOPLE = "manage people"
    KEYS = "manage the organisation's provider key"
    AUDIT = "read the audit log"


_ADDED = {
    "operator": {Permission.CHAT, Permission.CONSENT, Permission.OWN_TRACES, Permission.OWN_ACCESS},
    "finance": {Permission.ALL_COSTS, Permission.OPERATIONS, Permission.BUDGETS, Permission.PRICES, Permission.EXPORTS},
    "admin": {
        Permission.TEXTS,
        Permission.AGENTS,
        Permission.DEMO,
        Permission.PEOPLE,
        Permission.KEYS,
        Permission.AUDIT,
    },
}
# A token that is lost must not be able to make its finder stay.
_NEVER_BY_TOKEN = {Permission.OWN_ACCESS, Permission.PEOPLE, Permission.KEYS}
# What concerns all agents, or would let one of them ask others.
_NEVER_FOR_SOME_AGENTS = {
    Permission.BUDGETS,
    Permission.PRICES,
    Permission.AGENTS,
    Permission.DEMO,
    Permission.AUDIT,
    Permission.OPERATIONS,
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks. ``role`` is operator, finance or admin; through an API token it is the lesser of both roles.

    ``agents`` are the ids of the agents that the token is for, None means all; ``consents``: it may let tools run.
    """

    id: str
    name: str
    role: str
    token_id: str | None = None
    agents: frozenset[str] | None = None
    consents: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """What a list of traces or costs is limited to: to one owner's rows or, with None, to nobody's, to these agents.

    Without ``texts`` no message, request, input or output may be read, searched or shown.
    """

    owner_id: str | None
    texts: bool
    agents: frozenset[str] | None = None


def permissions(role: str) -> frozenset[Permission]:
    """Return all that a role may; a role nobody knows may nothing."""
    if role not in ROLES:
        return frozenset()
    return frozenset().union(*(_ADDED[each] for each in ROLES[: ROLES.index(role) + 1]))


def may(person: Person, permission: Permission) -> bool:
    if person.token_id is not None and permission in _NEVER_BY_TOKEN:
        return False
    if person.token_id is not None and permission is Permission.CONSENT and not person.consents:
        return False
    if person.agents is not None and permission in _NEVER_FOR_SOME_AGENTS:
        return False
    return permission in permissions(person.role)


def allow(person: Person, permission: Permission) -> None:
    """Raises NotAllowed."""
    if not may(person, permission):
        through = " with an API token" if person.token_id is not None else ""
        raise NotAllowed(f"You may not {permission}{through}. Ask an admin if you need to.")


def may_use_agent(person: Person, agent_id: str) -> bool:
    """Return whether an agent is there at all for this person, or this token."""
    return may(person, Permission.CHAT) and (person.agents is None or agent_id in person.agents)


def scope(person: Person) -> Scope:
    """Return how far a list of traces or costs may reach. Raises NotAllowed."""
    allow(person, Permission.OWN_TRACES)
    everyone = may(person, Permission.ALL_COSTS)
    return Scope(
        owner_id=None if everyone else person.id,
        texts=not everyone or may(person, Permission.TEXTS),
        agents=person.agents,
    )


def lesser(one: str, other: str) -> str:
    """Return the role that may less; one that nobody knows may nothing."""
    return min(one, other, key=lambda role: ROLES.index(role) if role in ROLES else -1)
