"""Every core function that acts for somebody: what one must be allowed for it, and how it is called.

Calls are made so that whoever is allowed gets no further than to be told that something is wrong or unknown, or reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from core.access.roles import Permission, Person
from core.access.tokens import TokenDraft
from core.analytics.choice import Choice, default_choice
from core.analytics.filters import TraceFilter
from core.budgets.budgets import BudgetDraft
from core.registry.agents import AgentDraft
from core.registry.mcp_registry import McpServerDraft
from core.wiring import Services
from tests.core.access.world import Ask

AT = datetime(2026, 11, 20, tzinfo=UTC)
CHOICE = default_choice(ZoneInfo("UTC"), AT).with_days(date(2026, 1, 1), date(2027, 12, 31))
NO_AGENT = AgentDraft("", "", "claude-haiku-5-5", "", 1_000, False, ())
NO_SERVER = McpServerDraft("", "stdio", command="x")
NO_BUDGET = BudgetDraft("organisation", None, "day", 0)
NO_TOKEN = TokenDraft("t", "operator", AT)


@dataclass(frozen=True)
class Call:
    needs: Permission
    ask: Ask


Calls: TypeAlias = Mapping[str, Call]


def _traces(name: str) -> Ask:
    return lambda services, by, ids: getattr(services.traces, name)(by, ids["trace"])


def _conversations(name: str, *more: Any) -> Ask:
    return lambda services, by, ids: getattr(services.conversations, name)(by, ids["conversation"], *more)


def _choice(ids: Mapping[str, str]) -> Choice:
    return replace(CHOICE, people=(ids["person"],))


def _agent(services: Services, by: Person) -> str:
    return next((agent.id for agent in services.agents.list(by)), "")


def _of(ids: Mapping[str, str]) -> TraceFilter:
    return TraceFilter(people=(ids["person"],))


ABOUT_AN_ID: Calls = {
    "Conversations.list": Call(Permission.CHAT, lambda s, by, ids: s.conversations.list(by, search=ids["text"])),
    "Conversations.get": Call(Permission.CHAT, _conversations("get")),
    "Conversations.transcript": Call(Permission.CHAT, _conversations("transcript")),
    "Conversations.spent": Call(Permission.CHAT, _conversations("spent")),
    "Conversations.previews": Call(
        Permission.CHAT, lambda s, by, ids: s.conversations.previews(by, ids["conversation"], [ids["file"]])
    ),
    "Conversations.window": Call(Permission.CHAT, _conversations("window")),
    "Conversations.stamp": Call(Permission.CHAT, _conversations("stamp")),
    "Conversations.newest_mention": Call(
        Permission.CHAT, lambda s, by, ids: s.conversations.newest_mention(by, ids["conversation"], ids["text"])
    ),
    "Conversations.turns_after": Call(
        Permission.CHAT, lambda s, by, ids: s.conversations.turns_after(by, ids["conversation"], ids["trace"])
    ),
    "Conversations.attached_file": Call(
        Permission.CHAT, lambda s, by, ids: s.conversations.attached_file(by, ids["conversation"], ids["file"])
    ),
    "Conversations.rename": Call(Permission.CHAT, _conversations("rename", "Mine now")),
    "Conversations.archive": Call(Permission.CHAT, _conversations("archive")),
    "Conversations.unarchive": Call(Permission.CHAT, _conversations("unarchive")),
    "Conversations.delete": Call(Permission.CHAT, _conversations("delete")),
    "Turns.send": Call(
        Permission.CHAT,
        lambda s, by, ids: s.turns.send(
            owner=by, agent_id=_agent(s, by), text=ids["text"], conversation_id=ids["conversation"]
        ),
    ),
    "Turns.post": Call(
        Permission.CHAT,
        lambda s, by, ids: s.turns.post(
            owner=by, agent_id=_agent(s, by), text=ids["text"], conversation_id=ids["conversation"]
        ),
    ),
    "Turns.live": Call(Permission.CHAT, lambda s, by, ids: s.turns.live(by, ids["conversation"])),
    "Answers.follow": Call(Permission.CHAT, lambda s, by, ids: s.answers.follow(by, ids["trace"])),
    "Answers.check": Call(Permission.CHAT, lambda s, by, ids: s.answers.check(by, ids["trace"])),
    "Answers.seen": Call(Permission.CHAT, lambda s, by, ids: s.answers.seen(by, ids["trace"])),
    "Answers.stop": Call(Permission.CHAT, lambda s, by, ids: s.answers.stop(by, ids["trace"])),
    "Approvals.pending": Call(Permission.CHAT, lambda s, by, ids: s.approvals.pending(by, ids["waiting"])),
    "Approvals.decide": Call(Permission.CONSENT, lambda s, by, ids: s.approvals.decide(by, ids["span"], approved=True)),
    "Tokens.revoke": Call(Permission.OWN_ACCESS, lambda s, by, ids: s.access.tokens.revoke(by, ids["token"])),
    "Sessions.revoke": Call(Permission.OWN_ACCESS, lambda s, by, ids: s.access.sessions.revoke(by, ids["session"])),
    "Tokens.list": Call(Permission.OWN_ACCESS, lambda s, by, ids: s.access.tokens.list(by, ids["person"])),
    "Sessions.list": Call(Permission.OWN_ACCESS, lambda s, by, ids: s.access.sessions.list(by, ids["person"])),
    "Traces.page": Call(Permission.OWN_TRACES, lambda s, by, ids: s.traces.page(by, _of(ids))),
    "Traces.unconfirmed": Call(Permission.OWN_TRACES, lambda s, by, ids: s.traces.unconfirmed(by, _of(ids))),
    "Traces.count": Call(Permission.OWN_TRACES, lambda s, by, ids: s.traces.count(by, TraceFilter(text=ids["trace"]))),
    "Traces.detail": Call(Permission.OWN_TRACES, _traces("detail")),
    "Traces.asked": Call(Permission.OWN_TRACES, _traces("asked")),
    "Traces.spans": Call(Permission.OWN_TRACES, _traces("spans")),
    "Traces.tool_texts": Call(Permission.OWN_TRACES, _traces("tool_texts")),
    "Traces.ledger": Call(Permission.OWN_TRACES, _traces("ledger")),
    "Costs.total": Call(Permission.OWN_TRACES, lambda s, by, ids: s.costs.total(by, _choice(ids))),
    "Costs.view": Call(
        Permission.OWN_TRACES,
        lambda s, by, ids: s.costs.view(by, _choice(ids), s.costs.names(by), AT),
    ),
    "Costs.parts": Call(
        Permission.OWN_TRACES,
        lambda s, by, ids: s.costs.parts(by, _choice(ids), "person", s.costs.names(by)),
    ),
}
"""What is somebody's own; of others' there is as much as of nobody's."""

THE_REST: Calls = {
    "Agents.touched": Call(Permission.AGENTS, lambda s, by, ids: s.agents.touched(by, ids["agent"])),
    "Agents.list": Call(Permission.CHAT, lambda s, by, ids: s.agents.list(by, include_inactive=True)),
    "Agents.get": Call(Permission.CHAT, lambda s, by, ids: s.agents.get(by, ids["agent"])),
    "Agents.versions": Call(Permission.CHAT, lambda s, by, ids: s.agents.versions(by, ids["agent"])),
    "Agents.create": Call(Permission.AGENTS, lambda s, by, ids: s.agents.create(by, NO_AGENT)),
    "Agents.edit": Call(Permission.AGENTS, lambda s, by, ids: s.agents.edit(by, ids["agent"], NO_AGENT)),
    "Agents.set_active": Call(Permission.AGENTS, lambda s, by, ids: s.agents.set_active(by, "unknown", False)),
    "McpRegistry.list": Call(Permission.AGENTS, lambda s, by, ids: s.registry.list(by)),
    "McpRegistry.get": Call(Permission.AGENTS, lambda s, by, ids: s.registry.get(by, "unknown")),
    "McpRegistry.register": Call(Permission.AGENTS, lambda s, by, ids: s.registry.register(by, NO_SERVER)),
    "McpRegistry.change": Call(Permission.AGENTS, lambda s, by, ids: s.registry.change(by, "unknown", NO_SERVER)),
    "McpRegistry.remove": Call(Permission.AGENTS, lambda s, by, ids: s.registry.remove(by, "unknown")),
    "McpRegistry.set_active": Call(Permission.AGENTS, lambda s, by, ids: s.registry.set_active(by, "unknown", False)),
    "McpStatus.list": Call(Permission.CHAT, lambda s, by, ids: s.mcp_status.list(by)),
    "McpStatus.settled": Call(Permission.AGENTS, lambda s, by, ids: s.mcp_status.settled(by)),
    "McpStatus.connect": Call(Permission.AGENTS, lambda s, by, ids: s.mcp_status.connect(by, "unknown")),
    "McpStatus.change": Call(Permission.AGENTS, lambda s, by, ids: s.mcp_status.change(by, "unknown", NO_SERVER)),
    "McpStatus.remove": Call(Permission.AGENTS, lambda s, by, ids: s.mcp_status.remove(by, "unknown")),
    "McpStatus.set_active": Call(Permission.AGENTS, lambda s, by, ids: s.mcp_status.set_active(by, "unknown", False)),
    "DemoMonth.offer": Call(Permission.CHAT, lambda s, by, ids: s.demo.offer(by)),
    "DemoMonth.phase": Call(Permission.CHAT, lambda s, by, ids: s.demo.phase(by)),
    "DemoMonth.load": Call(Permission.DEMO, lambda s, by, ids: s.demo.load(by, AT.date())),
    "DemoMonth.remove": Call(Permission.DEMO, lambda s, by, ids: s.demo.remove(by)),
    "Costs.names": Call(Permission.OWN_TRACES, lambda s, by, ids: s.costs.names(by)),
    "Budgets.list": Call(Permission.OWN_TRACES, lambda s, by, ids: s.budgets.list(by)),
    "Budgets.may_change": Call(Permission.CHAT, lambda s, by, ids: s.budgets.may_change(by)),
    "Budgets.create": Call(Permission.BUDGETS, lambda s, by, ids: s.budgets.create(by, NO_BUDGET)),
    "Budgets.change": Call(Permission.BUDGETS, lambda s, by, ids: s.budgets.change(by, "unknown", 1, blocks=True)),
    "Budgets.end": Call(Permission.BUDGETS, lambda s, by, ids: s.budgets.end(by, "unknown")),
    "Exports.order": Call(Permission.EXPORTS, lambda s, by, ids: s.exports.order(by, "traces", TraceFilter(), "UTC")),
    "ProviderKeys.key_for": Call(Permission.CHAT, lambda s, by, ids: s.keys.key_for(by)),
    "ProviderKeys.answering": Call(Permission.CHAT, lambda s, by, ids: s.keys.answering(by)),
    "ProviderKeys.list": Call(Permission.OWN_ACCESS, lambda s, by, ids: s.keys.list(by)),
    "ProviderKeys.set": Call(Permission.KEYS, lambda s, by, ids: s.keys.set(by, "", organisation=True)),
    "ProviderKeys.test": Call(Permission.KEYS, lambda s, by, ids: s.keys.test(by, organisation=True)),
    "ProviderKeys.remove": Call(Permission.KEYS, lambda s, by, ids: s.keys.remove(by, organisation=True)),
    "Credentials.list": Call(Permission.OWN_ACCESS, lambda s, by, ids: s.access.credentials.list(by)),
    "Credentials.acceptable": Call(
        Permission.KEYS, lambda s, by, ids: s.access.credentials.acceptable(by, "", organisation=True)
    ),
    "Credentials.set": Call(Permission.KEYS, lambda s, by, ids: s.access.credentials.set(by, "", organisation=True)),
    "Credentials.remove": Call(Permission.KEYS, lambda s, by, ids: s.access.credentials.remove(by, organisation=True)),
    "Credentials.key_of": Call(Permission.KEYS, lambda s, by, ids: s.access.credentials.key_of(by, organisation=True)),
    "Tokens.create": Call(Permission.OWN_ACCESS, lambda s, by, ids: s.access.tokens.create(by, NO_TOKEN)),
    "People.own": Call(Permission.CHAT, lambda s, by, ids: s.access.people.own(by)),
    "People.rename": Call(Permission.OWN_ACCESS, lambda s, by, ids: s.access.people.rename(by, by.name)),
    "People.list": Call(Permission.PEOPLE, lambda s, by, ids: s.access.people.list(by)),
    "People.invite": Call(
        Permission.PEOPLE, lambda s, by, ids: s.access.people.invite(by, "new@example.org", "New", "admin")
    ),
    "People.reset": Call(Permission.PEOPLE, lambda s, by, ids: s.access.people.reset(by, "unknown")),
    "People.set_role": Call(Permission.PEOPLE, lambda s, by, ids: s.access.people.set_role(by, "unknown", "admin")),
    "People.deactivate": Call(Permission.PEOPLE, lambda s, by, ids: s.access.people.deactivate(by, "unknown")),
    "People.reactivate": Call(Permission.PEOPLE, lambda s, by, ids: s.access.people.reactivate(by, "unknown")),
    "Audit.list": Call(Permission.AUDIT, lambda s, by, ids: s.access.audit.list(by)),
}

CALLS: Calls = {**ABOUT_AN_ID, **THE_REST}
