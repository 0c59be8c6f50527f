"""The columns of each file: their names and meanings, and where in the books they come from.

RFC 4180: comma, double quotes where needed, CRLF, one header row; UTF-8. Times are ISO 8601 in UTC, money is exact
decimal dollars, an empty cell is an unknown value. Text that a spreadsheet could take for a formula begins with an
apostrophe; numbers never do. Columns are only ever added, at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, FromClause, case, exists, func, or_, select

from core.analytics.filters import TraceFilter, of_sessions
from core.analytics.served import billed_model
from core.store.access import User
from core.store.rollups import SERVED
from core.store.tables import Agent, LedgerLine, TaskTrace, TraceSession, TraceSpan
from core.store.text import storable
from core.store.unindexed import unindexed
from core.units import COUNTS, FIRST, Count, unit_names

Kind: TypeAlias = Literal["text", "time", "usd", "number", "flag"]
FileName: TypeAlias = Literal["traces", "ledger"]

_traces, _sessions, _spans = TaskTrace.__table__, TraceSession.__table__, TraceSpan.__table__
_agents, _users, _lines = Agent.__table__, User.__table__, LedgerLine.__table__


@dataclass(frozen=True, slots=True)
class Column:
    """``value`` is in the database's own form: ``usd`` in nano-dollars; ``usual`` is a word it nearly always holds."""

    name: str
    meaning: str
    kind: Kind
    value: ColumnElement[Any]
    usual: str = ""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """``cost`` are the nano-dollars that the file's rows sum up to; by ``order`` the newest trace's rows come first.

    ``source`` is what is read, to which the names of people and, by the id ``agent``, of agents are joined. ``part``
    says what the rows of a chosen trace must meet.
    """

    name: FileName
    row: str
    columns: tuple[Column, ...]
    cost: ColumnElement[Any]
    source: FromClause
    agent: ColumnElement[str]
    part: Callable[[TraceFilter], list[ColumnElement[bool]]]
    order: tuple[ColumnElement[Any], ...]


def _counted(count: Count) -> Column:
    return Column(count.column, count.meaning, "number", _traces.c[count.column])


_calls = _spans.c.task_trace_id == _traces.c.id, _spans.c.kind == "model_call"
_attempts = select(func.count()).where(*_calls).scalar_subquery()
_master = _traces.c.master_agent_id
_delegating = exists().where(_sessions.c.task_trace_id == _traces.c.id, _sessions.c.parent_span_id.is_not(None))
_served = exists().where(SERVED.c.task_trace_id == _traces.c.id)
_of_line = _spans.c.id == _lines.c.span_id, _sessions.c.id == _spans.c.trace_session_id
_line_agent = case((_delegating, select(_sessions.c.agent_id).where(*_of_line).scalar_subquery()), else_=_master)
_newest_first = _traces.c.started_at.desc(), _traces.c.id.desc()
_uncertain = _lines.c.estimated | _lines.c.amount_nanos.is_(None)
_reason = case((_uncertain, _spans.c.cost_reason))
PERSON = Column("person", "Who sent the message.", "text", _users.c.name)
AGENT = Column("agent", "The agent that was asked, by its present name.", "text", _agents.c.name)
CALLING_AGENT = replace(AGENT, meaning="The agent that made the call, by its present name.")
SIMULATED = Column(
    "simulated", "true if nobody was billed: simulated, or demo month.", "flag", _traces.c.provenance != "real"
)
CALLING_AGENT_ID = Column("agent_id", "Id of the agent that made the call.", "text", _agents.c.id)
PERSON_ID = Column("person_id", "Id of who sent the message; names may be equal.", "text", _traces.c.owner_id)
PERSON_EMAIL = Column("person_email", "E-mail address of who sent the message.", "text", _users.c.email)
_SOURCE = Column("source", "Where the message came from, such as chat.", "text", _traces.c.source, "chat")
_KEY_SOURCE = Column(
    "key_source",
    "Whose key paid: own, organisation or environment; empty if none did or it was not noted yet.",
    "text",
    _traces.c.key_source,
)
_KEY_LABEL = Column("key_label", "Last characters of that key; empty if there is none.", "text", _traces.c.key_label)
_PROVENANCE = Column("provenance", "Whose money: real, simulated or demo.", "text", _traces.c.provenance, "real")


def _reported(name: str, meaning: str) -> Column:
    """Return a word of the usage that the provider reported for the call of a line."""
    return Column(name, meaning, "text", _spans.c.usage[name].as_string())


def _whole(_: TraceFilter) -> list[ColumnElement[bool]]:
    return []


def _lines_of(chosen: TraceFilter) -> list[ColumnElement[bool]]:
    """Limit the lines of a chosen trace to those of chosen agents and models, if others have lines of it as well."""
    if not chosen.agents and not chosen.models:
        return []
    agents = of_sessions(TraceFilter(agents=chosen.agents))
    billed = [billed_model().in_([storable(model) for model in chosen.models])] if chosen.models else []
    return [or_(~_delegating & ~_served, exists().where(*_of_line, *agents, *billed))]


TRACES = ExportFile(
    name="traces",
    row="trace",
    columns=(
        Column("trace_id", "Id of the trace; later traces have greater ids.", "text", _traces.c.id),
        Column("started_at", "When the message was sent, UTC.", "time", _traces.c.started_at),
        Column("status", "running, completed, failed, stopped or interrupted.", "text", _traces.c.status, "completed"),
        PERSON,
        AGENT,
        Column("model", "The model that was asked.", "text", _traces.c.model),
        Column("conversation_id", "Id of the conversation.", "text", _traces.c.conversation_id),
        _SOURCE,
        SIMULATED,
        Column("attempts", "Calls to the provider, repeated ones included.", "number", _attempts),
        *map(_counted, COUNTS[:FIRST]),
        Column("cost_usd", "Cost in US dollars, nine decimals; empty if not known (yet).", "usd", _traces.c.cost_nanos),
        Column(
            "cost_basis",
            "computed, estimated, or unpriced where no price is known; empty while the trace runs.",
            "text",
            _traces.c.cost_basis,
            "computed",
        ),
        Column(
            "duration_ms",
            "Milliseconds from sending to the end; empty while the trace runs.",
            "number",
            _traces.c.duration_ms,
        ),
        Column(
            "time_to_first_token_ms",
            "Milliseconds until the answer began; empty if it never did.",
            "number",
            _traces.c.time_to_first_token_ms,
        ),
        Column("error_type", "What kind of error ended it; empty if none did.", "text", _traces.c.error_type),
        PERSON_ID,
        PERSON_EMAIL,
        Column("agent_id", "Id of the agent that was asked.", "text", _master),
        _KEY_SOURCE,
        _KEY_LABEL,
        _PROVENANCE,
        *map(_counted, COUNTS[FIRST:]),
    ),
    cost=_traces.c.cost_nanos,
    source=_traces,
    agent=_master,
    part=_whole,
    order=_newest_first,
)

LEDGER = ExportFile(
    name="ledger",
    row="ledger line",
    columns=(
        Column("trace_id", "Id of the trace that the line belongs to.", "text", _traces.c.id),
        Column("span_id", "Id of the call to the provider.", "text", _lines.c.span_id),
        Column("line", "Number of the line within its span.", "number", _lines.c.line),
        Column(
            "started_at",
            "When the trace began, UTC: the time it counts at on every page.",
            "time",
            _traces.c.started_at,
        ),
        Column("billed_at", "When the call began, UTC.", "time", _lines.c.billed_at),
        Column("recorded_at", "When the line was written into the books, UTC.", "time", _lines.c.recorded_at),
        PERSON,
        CALLING_AGENT,
        Column("model", "The model that was billed.", "text", _lines.c.model),
        Column(
            "unit",
            f"What was billed: {unit_names()}.",
            "text",
            _lines.c.unit,
        ),
        Column("quantity", "How many of it; a correction may take some back.", "number", _lines.c.quantity),
        Column(
            "unit_price_usd",
            "Exact price of one in US dollars; empty if none is known.",
            "text",
            _lines.c.unit_price_usd,
        ),
        Column(
            "amount_usd",
            "What the line costs in US dollars, nine decimals; empty if no price is known.",
            "usd",
            _lines.c.amount_nanos,
        ),
        Column(
            "uncached_usd",
            "What tokens of the cache would have cost as plain input; empty for others.",
            "usd",
            _lines.c.uncached_nanos,
        ),
        Column(
            "estimated", "true if the provider did not report the quantity, else false.", "flag", _lines.c.estimated
        ),
        Column(
            "correction",
            "true if the line takes back or adds to earlier ones, else false.",
            "flag",
            _lines.c.correction,
        ),
        Column("price_source", "Where the price was published; empty if none is known.", "text", _lines.c.price_source),
        Column("price_from", "Since when that price holds, UTC; empty if none is known.", "time", _lines.c.price_from),
        PERSON_ID,
        PERSON_EMAIL,
        CALLING_AGENT_ID,
        Column("request_id", "Id that the provider gave the call; empty if it gave none.", "text", _spans.c.request_id),
        SIMULATED,
        _SOURCE,
        _KEY_SOURCE,
        _reported("service_tier", "Service tier that the provider reported; empty if it did not."),
        _reported("inference_geo", "Region of inference that the provider reported; empty if it did not."),
        _KEY_LABEL,
        _PROVENANCE,
        Column(
            "cost_reason",
            "Why the call is an estimate or has no price; `at least` marks a lower bound. Empty for others.",
            "text",
            _reason,
        ),
    ),
    cost=_lines.c.amount_nanos,
    source=_traces.join(_lines, _lines.c.task_trace_id == unindexed(_traces.c.id)).join(
        _spans, _spans.c.id == _lines.c.span_id
    ),
    agent=_line_agent,
    part=_lines_of,
    order=(*_newest_first, _lines.c.span_id, _lines.c.line),
)


def without_delegation(file: ExportFile) -> ExportFile:
    """Return the same where every session is a master agent's, so that it need not be looked up for each line."""
    return replace(file, agent=_master, part=_whole)


FILES: dict[FileName, ExportFile] = {"traces": TRACES, "ledger": LEDGER}
