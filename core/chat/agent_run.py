"""One agent at work within a turn: its loop is followed, told of and written into the books step by step."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, assert_never

import structlog
from anyio import CancelScope

from core.agent.limits import Allowance, CutShort, Spending, Whole
from core.agent.loop import BookedFirst, CallEnded, CallsStarting, GoingOn, Loop, LoopEvent, RunInput
from core.agent.tools.tool import Tool, ToolContext
from core.books.books import Books
from core.books.settling import Spent, total_of
from core.books.values import Advance, Checkpoint, ModelCallEnd, RunEnd
from core.budgets.bounds import Bounds
from core.chat.approvals import Approvals
from core.chat.assignment import Assignment
from core.chat.consents import Consents
from core.chat.journal import Journal, Outcome, RunStart
from core.chat.standing import Standing
from core.chat.turn_clock import TurnClock
from core.errors import AppError, BudgetSpent, NotSignedIn, ProviderError, TurnLost
from core.events import (
    CostSoFar,
    IterationStarted,
    RetryScheduled,
    RunEvent,
    TextDelta,
    ThinkingDelta,
    ToolDetected,
    ToolProgress,
    ToolsExecuting,
    Warned,
)
from core.pricing import PriceBook
from core.provider.provider import Provider
from core.provider.stream import AttemptFailed, AttemptStarting, ReplyEnded, ReplyStarted
from core.registry.agents import AgentView
from core.toolbox.toolset import TASK, Toolbox

log = structlog.get_logger()

CHECKPOINT_CHARACTERS = 2_000
LONGEST_DELEGATION_SECONDS = 3_600.0
ENDED_WITH_IT = Outcome("stopped", "stopped", "It ended together with the agent that asked it.")
DEFECT = "Something went wrong on our side; it has been logged. Retry."


@dataclass(frozen=True, slots=True)
class RunServices:
    """What runs work with; ``wake`` asks for a checkpoint now, ``call_soon`` runs a call on the engine's loop.

    ``ask_agent`` has another agent do a task for a run that is under way, and gives its answer. Seconds are settings.
    """

    provider: Provider
    books: Books
    book: PriceBook
    bounds: Bounds
    toolbox: Toolbox
    approvals: Approvals
    standing: Standing
    ask_agent: Callable[["AgentRun", AgentView, str, ToolContext], Awaitable[str]]
    wake: Callable[[], None]
    call_soon: Callable[[Callable[[], object]], None]
    turn_seconds: float
    drain_stopped_seconds: float


@dataclass(frozen=True, slots=True)
class RunListener:
    """Who is told: ``tell`` gets what happens, ``cost_changed`` is called when the cost may be another."""

    tell: Callable[[RunEvent], object]
    cost_changed: Callable[[], None]


class AgentRun:
    """On the engine's loop. ``asker`` is the run that asked for this one, which shares its time and limits."""

    def __init__(
        self,
        start: RunStart,
        assignment: Assignment,
        parts: RunServices,
        reader: RunListener,
        asker: "AgentRun | None" = None,
    ) -> None:
        self.start, self.assignment, self.parts, self.reader = start, assignment, parts, reader
        self._began = monotonic()
        self.journal = Journal(start, parts.book, parts.bounds, self._elapsed_ms)
        self.clock: TurnClock = asker.clock if asker else TurnClock(parts.turn_seconds)
        outer: Allowance | None = asker.allowance if asker else None
        whole = outer.whole if outer else Whole(lambda: self.clock.left)
        self.allowance: Allowance = Allowance(assignment.limits, self.spending, outer, whole)
        self.children: list[AgentRun] = []
        self.unbooked: list[RunEnd] = []
        self.cut_short: CutShort | None = None
        self.unseen = self.ended = False
        self._loop: Loop | None = None
        self._consents = Consents(parts.approvals, self.clock, self.journal, reader.tell)
        self._uncounted = 0
        self._unsaved, self._saved = False, self.journal.progress

    async def follow(self) -> Outcome:
        """Follow until the agent is done or fails; raises only when cancelled."""
        try:
            return await self._follow()
        except ProviderError as error:
            return Outcome("failed", error.kind, error.for_user, error)
        except BudgetSpent as error:
            self.cut_short = CutShort("budget_spent", f"{error.for_user} What had arrived is kept.")
            return Outcome("stopped", error.code, self.cut_short.text)
        except NotSignedIn as error:
            return Outcome("stopped", error.code, f"{error.for_user} What had arrived is kept.")
        except TurnLost as error:
            return Outcome("interrupted", error.code, error.for_user)
        except AppError as error:
            return Outcome("failed", error.code, error.for_user)
        except Exception:  # a defect of ours must not leave a turn open in the books
            log.exception("run_failed", task_trace_id=self.start.run.trace_id)
            return Outcome("failed", "internal", DEFECT)
        finally:
            self.ended = True

    def read_unseen(self) -> bool:
        """Read what is left of replies that are arriving, here and further down, for their usage alone, then end.

        What else runs here ends at once. False if no reply is arriving: then nothing is done.
        """
        if self.journal.arriving:
            self.journal.keep_so_far()
            self.unseen = True
        elif read := [child.start.call_id for child in self.children if child.read_unseen()]:
            assert self._loop is not None
            self._loop.end_calls(but=read)
            self.unseen = True
        return self.unseen

    @property
    def waits(self) -> bool:
        """Whether it, or an agent it asked, waits for somebody's consent."""
        return self._consents.waited_for > 0 or any(child.waits for child in self.children)

    def spending(self) -> Spending:
        """Return what this run spends and those it asked for, the latter with what is under way."""
        own, others = self.journal.total(), [child.cost_so_far() for child in self.children]
        costs = [own.total, *(other.total for other in others)]
        output = own.usage.output + sum(other.usage.output for other in others)
        return Spending(_sum(costs), output, self._elapsed_ms() / 1000)

    def total(self) -> Spent:
        """Sum up all model calls that have ended, here and further down."""
        return total_of([*self.calls()])

    def calls(self) -> Iterator[ModelCallEnd]:
        """Yield the model calls that have ended, here and further down."""
        yield from self.journal.ended
        for child in self.children:
            yield from child.calls()

    def cost_so_far(self) -> CostSoFar:
        own, others = self.journal.cost_so_far(), [child.cost_so_far() for child in self.children]
        usage = sum((other.usage for other in others), start=own.usage)
        return CostSoFar(usage, _sum([own.total, *(other.total for other in others)]), own.time_to_first_token_ms)

    def checkpoints(self) -> Iterator[Checkpoint]:
        """Return what has changed since the last ones, here and further down."""
        progress = self.journal.progress
        if self._unsaved or progress != self._saved:
            self._unsaved, self._saved = False, progress
            if point := self.journal.checkpoint():
                yield point
        for child in self.children:
            yield from child.checkpoints()

    def ends_not_booked(self) -> Iterator[RunEnd]:
        """Return the ends of runs that were asked for, here and further down."""
        yield from self.unbooked
        for child in self.children:
            yield from child.ends_not_booked()

    def closed(self, outcome: Outcome) -> RunEnd:
        """Return its end; nothing is left to checkpoint."""
        self._unsaved = False
        end = self.journal.end(outcome)
        self._saved = self.journal.progress
        return end

    def _elapsed_ms(self) -> int:
        return round((monotonic() - self._began) * 1000)

    async def _follow(self) -> Outcome:
        if not self.assignment.toolset.whole:
            await self._equip()
        for warning in self.assignment.toolset.warnings:
            self.reader.tell(Warned(warning))
        work = RunInput(self.assignment.request, self.assignment.asking, self._tools())
        self._loop = Loop(self.parts.provider, work, self.allowance)
        async with aclosing(self._loop.run()) as events:
            async for event in events:
                if self.unseen and self._is_read(event):
                    break
                if not self.unseen and (step := self._on(event)) is not None:
                    await self._on_step(step)
        if self.unseen:
            return ENDED_WITH_IT
        cut = self.cut_short
        return Outcome("completed") if cut is None else Outcome("stopped", cut.kind, cut.text)

    def _is_read(self, event: LoopEvent) -> bool:
        """Return whether this was the last of what is read unseen."""
        if isinstance(event, ReplyEnded):
            self.journal.reply_ended(event.reply)
            return True
        return isinstance(event, CallEnded) and all(child.ended for child in self.children if child.unseen)

    async def _equip(self) -> None:
        """Wait for servers of tools while readers see it; then the call is held for as it will be made."""
        toolset = await self.parts.toolbox.equip(self.assignment.agent, self.assignment.path, self.reader.tell)
        self.assignment = self.assignment.renewed(toolset)
        with CancelScope(shield=True):
            await self.parts.books.prepare(self.journal.prepared(self.assignment.asked), toolset.warnings)

    def _tools(self) -> Mapping[str, Tool]:
        toolset, asked = self.assignment.toolset, self.assignment.ask_first
        delegates = {name: self._delegate(name, agent) for name, agent in toolset.delegates.items()}
        consented = {k: replace(v, consent=self._consents.ask) for k, v in toolset.tools.items() if k in asked}
        return {k: self.parts.standing.asked(v) for k, v in {**toolset.tools, **consented, **delegates}.items()}

    def _delegate(self, name: str, agent: AgentView) -> Tool:
        async def run(given: Mapping[str, Any], asking: ToolContext) -> str:
            return await self.parts.ask_agent(self, agent, given["task"], asking)

        return Tool(name, agent.description, TASK, run, LONGEST_DELEGATION_SECONDS)

    def _on(self, event: LoopEvent) -> BookedFirst | None:
        """Tell and note it; what has to be in the books before it goes on is returned."""
        match event:
            case TextDelta() | ThinkingDelta():
                self._on_delta(event)
            case IterationStarted() | ToolDetected() | ToolsExecuting() | ToolProgress():
                self.reader.tell(event)
            case AttemptStarting():
                self.journal.attempt_starting(event.passage)
            case ReplyStarted(reply):
                self.journal.reply_started(reply)
                self._show_cost()
                self.parts.wake()
            case ReplyEnded(reply):
                self.journal.reply_ended(reply)
            case CallEnded(place, outcome):
                self.journal.call_ended(place, outcome)
                self._unsaved = True
            case CutShort():
                self.cut_short = event
            case AttemptFailed() | CallsStarting() | GoingOn():
                return event
            case _:
                assert_never(event)
        return None

    def _on_delta(self, delta: TextDelta | ThinkingDelta) -> None:
        self.journal.delta_arrived()
        self.reader.tell(delta)
        self._uncounted += len(delta.text)
        if self._uncounted >= CHECKPOINT_CHARACTERS:
            self._uncounted = 0
            self.parts.wake()

    def _show_cost(self) -> None:
        self._unsaved = True
        self.reader.cost_changed()

    async def _on_step(self, event: BookedFirst) -> None:
        """Book what ended and what is about to begin, before it begins."""
        match event:
            case AttemptFailed():
                await self._book(self.journal.attempt_failed(event.error))
                self.reader.tell(RetryScheduled(event.attempt, event.error.for_user, event.wait_seconds))
            case CallsStarting(calls):
                await self._book(self.journal.calls_starting(calls))
                self._show_cost()
            case GoingOn(n, prompt_estimate):
                await self.parts.standing.check(self.assignment.asking.by)
                await self._book(self.journal.going_on(n, prompt_estimate))

    async def _book(self, step: Advance) -> None:
        with CancelScope(shield=True):
            await self.parts.books.advance(step)
            self.journal.booked()
        self._unsaved = True  # a checkpoint under way may have been overtaken


def _sum(costs: list[int | None]) -> int | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
