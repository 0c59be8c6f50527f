"""Entries of the audit log as sentences."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.access.audit import AuditView
from pages.parts.markdown import as_text


@dataclass(frozen=True, slots=True)
class Names:
    """By id."""

    people: Mapping[str, str]
    agents: Mapping[str, str]


LINES: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("signed in", "session"): ("Sign-ins", "signed in from {address}"),
    ("revoked", "session"): ("Sessions ended", "ended a session of {owner}"),
    ("set up", "person"): ("Set-up", "set up this installation as {email}"),
    ("invited", "person"): ("Invitations", "invited {subject} ({email}) as {role}"),
    ("joined", "person"): ("Joining", "joined"),
    ("renamed", "person"): ("Names", "changed the name from {before} to {after}"),
    ("changed role", "person"): ("Roles", "made {subject} {after}, who was {before}"),
    ("got role", "person"): ("Roles by group", "is {after} now by group, and was {before}"),
    ("deactivated", "person"): ("People deactivated", "deactivated {subject}"),
    ("reactivated", "person"): ("People reactivated", "reactivated {subject}"),
    ("allowed a new password", "person"): ("Password links", "made a link for a new password for {subject}"),
    ("chose a new password", "person"): ("Passwords by link", "chose a new password with a link"),
    ("changed password", "person"): ("Passwords", "changed the own password"),
    ("created", "token"): ("API tokens", "created the API token {name} as {role}, for {agents}"),
    ("revoked", "token"): ("API tokens revoked", "revoked an API token of {owner}"),
    ("set", "credential"): ("Provider keys", "set {whose} provider key, which ends in {last_four}"),
    ("removed", "credential"): ("Provider keys removed", "removed {whose} provider key"),
    ("rotated", "credential"): ("Encryption", "encrypted {count} provider keys and servers' secrets again"),
    ("created", "agent"): ("Agents created", "created the agent {name} on {model}"),
    ("edited", "agent"): ("Agents edited", "edited the agent {name}: version {version}, on {model}"),
    ("activated", "agent"): ("Agents activated", "activated the agent {subject}"),
    ("deactivated", "agent"): ("Agents deactivated", "deactivated the agent {subject}"),
    ("registered", "server"): ("Servers registered", "registered the server of tools {name}"),
    ("changed", "server"): ("Servers changed", "changed the server of tools {name}"),
    ("activated", "server"): ("Servers activated", "activated the server of tools {name}"),
    ("deactivated", "server"): ("Servers deactivated", "deactivated the server of tools {name}"),
    ("removed", "server"): ("Servers removed", "removed the server of tools {name}"),
    ("created", "budget"): ("Budgets", r"set a budget of \${limit} a {period} for {whom}, which {blocks}"),
    ("changed", "budget"): (
        "Budgets changed",
        r"changed the budget of {whom} from \${before} to \${limit} a {period}; it {blocks}",
    ),
    ("ended", "budget"): ("Budgets ended", r"ended the budget of {whom}, \${limit} a {period}"),
    ("loaded", "demo month"): ("Demo month", "loaded the demo month"),
    ("removed", "demo month"): ("Demo month removed", "removed the demo month"),
}
"""By action and kind of subject: what such entries are called, and how one reads."""


def sentence(entry: AuditView, names: Names) -> str:
    """Return the entry as Markdown."""
    nobody = "Somebody at the server's console" if entry.actor_id is None else "?"
    actor = as_text(entry.actor) if entry.actor else nobody
    _, line = LINES.get((entry.action, entry.subject_kind), ("", f"{entry.action} {entry.subject_kind} {{subject}}"))
    said = line.format_map(defaultdict(lambda: "?", _words(entry, names)))
    return f"**{actor}** {said}{', with an API token' * ('token_id' in entry.detail)}."


def _words(entry: AuditView, names: Names) -> dict[str, str]:
    known = {"person": names.people, "agent": names.agents}.get(entry.subject_kind, {})
    owner = entry.detail.get("person_id")
    words = {name: as_text(str(value)) for name, value in entry.detail.items()}
    return words | {
        "subject": as_text(known.get(entry.subject_id, entry.subject_id)),
        "owner": "their own" if owner == entry.actor_id else as_text(names.people.get(owner or "", "somebody")),
        "whose": "the organisation's" if entry.detail.get("owner_id") is None else "an own",
        "whom": _whom(entry, names),
        "blocks": "blocks" if entry.detail.get("blocks") else "only warns",
        "agents": _agents(entry.detail.get("agents"), names),
    }


def _whom(entry: AuditView, names: Names) -> str:
    """Say whose budget it is."""
    id_ = str(entry.detail.get("subject_id"))
    match entry.detail.get("scope"):
        case "person":
            return as_text(names.people.get(id_, "somebody who is gone"))
        case "agent":
            return f"the agent {as_text(names.agents[id_])}" if id_ in names.agents else "an agent that is gone"
    return "the organisation"


def _agents(ids: object, names: Names) -> str:
    if not isinstance(ids, list):
        return "all agents"
    return as_text(", ".join(names.agents.get(each, "an agent that is gone") for each in ids))
