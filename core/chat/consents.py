"""Consent to the calls of one agent's run: asked for, waited for, told of."""

from collections.abc import Callable, Mapping
from typing import Any

from core.agent.tools.tool import ToolContext
from core.chat.approvals import Approvals
from core.chat.journal import Journal
from core.chat.turn_clock import TurnClock
from core.clock import now
from core.errors import ToolDenied
from core.events import ApprovalDecided, ApprovalRequested, RunEvent


class Consents:
    """``waited_for`` is how many are waited for now; meanwhile the clock of the turn stands still."""

    def __init__(
        self, approvals: Approvals, clock: TurnClock, journal: Journal, tell: Callable[[RunEvent], object]
    ) -> None:
        self._approvals, self._clock, self._journal, self._tell = approvals, clock, journal, tell
        self.waited_for = 0

    async def ask(self, name: str, given: Mapping[str, Any], asking: ToolContext) -> None:
        """Raises ToolDenied, and StoreError if nobody can be asked."""
        call, span_id, began = asking.call_id, self._journal.span_of(asking.call_id), now()
        expires_at = await self._approvals.ask(span_id, self._journal.trace_id, name)
        self._tell(ApprovalRequested(call, span_id, name, dict(given), expires_at))
        self.waited_for += 1
        try:
            with self._clock.standing_still():
                verdict = await self._approvals.verdict(span_id, expires_at)
        finally:
            self.waited_for -= 1
            self._journal.waited(call, round((now() - began).total_seconds() * 1000))
        self._tell(ApprovalDecided(call, verdict.decision, verdict.by, verdict.reason))
        if verdict.decision == "denied":
            raise ToolDenied(f"{verdict.by} did not allow this call. {verdict.reason}".strip())
        if verdict.decision == "expired":
            raise ToolDenied("Nobody allowed this call in time, so it was not made.")
