"""Somebody's consent to a call of a tool: asked for in the books, so that any process may give it."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, insert, select, update

from core.access.roles import Permission, Person, allow
from core.access.standing import person_now
from core.books.fence import hold
from core.clock import now
from core.errors import InputError, NotFound, StoreError
from core.events import Decision
from core.store.access import User
from core.store.database import Store
from core.store.tables import TaskTrace, TraceSpan
from core.store.text import storable, whole_characters
from core.store.tool_tables import ToolApproval

LOOK_EVERY_SECONDS = 0.3
LONGEST_REASON = 1_000

_approvals, _users = ToolApproval.__table__, User.__table__
_traces, _spans = TaskTrace.__table__, TraceSpan.__table__


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that waits for consent; ``given`` is its input as JSON text, cut if it is long."""

    span_id: str
    tool_name: str
    given: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """``by`` is the name of who decided, None when time ran out."""

    decision: Decision
    by: str | None
    reason: str


class Approvals:
    """``seconds`` is how long a call waits before it counts as denied; ``instance_id`` runs the turns that ask."""

    def __init__(self, store: Store, seconds: float, instance_id: str) -> None:
        self._store, self._seconds, self._instance_id = store, seconds, instance_id

    async def ask(self, span_id: str, task_trace_id: str, tool_name: str) -> datetime:
        """Returns, once it is committed, until when it waits. Raises StoreError, TurnLost."""
        at = now()
        expires_at = at + timedelta(seconds=self._seconds)
        row = {"span_id": span_id, "task_trace_id": task_trace_id, "tool_name": tool_name, "reason": ""}
        times = {"asked_at": at, "expires_at": expires_at}

        def job(connection: Connection) -> None:
            hold(connection, task_trace_id, self._instance_id)
            connection.execute(insert(_approvals), {**row, **times})

        await asyncio.wrap_future(self._store.write(job))
        return expires_at

    async def verdict(self, span_id: str, expires_at: datetime) -> Verdict:
        """Waits for it; while the database does not answer nothing is decided, and time goes on."""
        while True:
            found = await asyncio.to_thread(self._look, span_id, expires_at)
            if found is not None:
                return found
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _look(self, span_id: str, expires_at: datetime) -> Verdict | None:
        late = now() >= expires_at
        try:
            if late:
                self._store.write(lambda connection: _decide(connection, span_id, "expired", None, "")).result()
            with self._store.read() as connection:
                return _verdict(connection, span_id)
        except StoreError:
            return Verdict("expired", None, "") if late else None

    def pending(self, by: Person, task_trace_id: str) -> list[Pending]:
        """List what the person is asked in a turn that runs, whichever process runs it; the oldest first."""
        with self._store.read() as connection:
            rows = connection.execute(_pending(by, task_trace_id))
            return [Pending(row.span_id, row.tool_name, row.input or "", row.expires_at) for row in rows]

    def decide(
        self, by: Person, span_id: str, *, approved: bool, reason: str = "", task_trace_id: str | None = None
    ) -> None:
        """Decide in the turn ``task_trace_id``, or in any of the person's own.

        Raises NotFound, also for what others were asked, NotAllowed for a token that may not consent, InputError when
        it is decided or the turn is over, and NotSignedIn for who may not go on.
        """
        allow(by, Permission.CONSENT)
        asked = _asked(by, span_id, task_trace_id)
        decision: Decision = "approved" if approved else "denied"
        words = whole_characters(reason.strip(), "The reason")
        if len(words) > LONGEST_REASON:
            raise InputError(f"The reason is {len(words):,} characters long; at most {LONGEST_REASON:,} fit.")
        decided = span_id, decision, by.id, words
        self._store.write(lambda connection: _decide_for(connection, by, asked, decided)).result()


def _verdict(connection: Connection, span_id: str) -> Verdict | None:
    query = (
        select(_approvals.c.decision, _approvals.c.reason, _users.c.name)
        .outerjoin(_users, _users.c.id == _approvals.c.decided_by)
        .where(_approvals.c.span_id == span_id, _approvals.c.decision.is_not(None))
    )
    row = connection.execute(query).first()
    return None if row is None else Verdict(row.decision, row.name, row.reason)


def _decide_for(
    connection: Connection, by: Person, query: Select[Any], decided: tuple[str, Decision, str, str]
) -> None:
    """Judged by what the person may in this transaction, not when the page was drawn."""
    asked = connection.execute(query).first()
    if asked is None:
        raise NotFound("Nobody is asked for this consent any more.")
    person_now(connection, by.id, by.token_id)
    if asked.status != "running" or asked.expires_at <= now():
        raise InputError("The answer has ended or has waited too long, so nothing is left to decide.")
    if _decide(connection, *decided) == 0:
        raise InputError("This was decided already.")


def _asked(by: Person, span_id: str, task_trace_id: str | None) -> Select[Any]:
    query = (
        select(_traces.c.status, _approvals.c.expires_at)
        .join(_approvals, _approvals.c.task_trace_id == _traces.c.id)
        .where(_approvals.c.span_id == storable(span_id), *_own(by))
    )
    return query if task_trace_id is None else query.where(_traces.c.id == storable(task_trace_id))


def _pending(by: Person, task_trace_id: str) -> Select[Any]:
    return (
        select(_approvals.c.span_id, _approvals.c.tool_name, _approvals.c.expires_at, _spans.c.input)
        .join(_traces, _traces.c.id == _approvals.c.task_trace_id)
        .join(_spans, _spans.c.id == _approvals.c.span_id)
        .where(_traces.c.id == storable(task_trace_id), _traces.c.status == "running", *_own(by))
        .where(_approvals.c.decision.is_(None), _approvals.c.expires_at > now())
        .order_by(_approvals.c.asked_at, _approvals.c.span_id)
    )


def _own(by: Person) -> list[ColumnElement[bool]]:
    """Return those that this person is asked; only who asked the agent is, and a token for its agents.

    Raises NotAllowed.
    """
    allow(by, Permission.CHAT)
    own = [_traces.c.owner_id == by.id]
    return own if by.agents is None else [*own, _traces.c.master_agent_id.in_(sorted(by.agents))]


def _decide(connection: Connection, span_id: str, decision: Decision, by: str | None, reason: str) -> int:
    """Decide; the first decision counts: returns whether this one is it."""
    undecided = _approvals.c.span_id == span_id, _approvals.c.decision.is_(None)
    values = {"decision": decision, "decided_by": by, "decided_at": now(), "reason": reason}
    return connection.execute(update(_approvals).where(*undecided).values(values)).rowcount
