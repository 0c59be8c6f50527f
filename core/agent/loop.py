"""An agent at work: the model is asked, the tools it asks for are run, it is asked again, until it is done."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from anyio import CancelScope

from core.agent.context import follow_up
from core.agent.limits import Allowance, CutShort
from core.agent.tools.running import run_tool
from core.agent.tools.tool import Tool, ToolContext, ToolOutcome
from core.errors import ContextTooLong
from core.estimates import Estimate
from core.events import IterationStarted, ToolProgress, ToolsExecuting, ToolStatus
from core.provider.blocks import Block, ToolCall, tool_calls, tool_result
from core.provider.provider import Provider
from core.provider.reply import Reply
from core.provider.request import ModelRequest
from core.provider.stream import AttemptFailed, ProviderEvent, ReplyEnded

LONGEST_SHOWN = 4_000
"""Characters of a result that a reader is shown."""

AT_ONCE = 16
LONGEST_END_SECONDS = 2.0

_STATUS: dict[bool, ToolStatus] = {True: "completed", False: "failed"}
_TOO_LONG = ("max_tokens", "model_context_window_exceeded")
_TOOL_CALL_CUT = (
    "The answer ended in the middle of asking for a tool, so the tool was not run. What had arrived is kept. "
    "Give the agent more output tokens, or ask for less at once."
)
_CONTEXT_FULL = (
    "The results and this conversation are too long for the model, so the answer was ended. What had arrived is kept. "
    "Start a new conversation, or ask for less at once."
)


@dataclass(frozen=True, slots=True)
class RunInput:
    """What an agent shall do, for whom, and with what."""

    request: ModelRequest
    asking: ToolContext
    tools: Mapping[str, Tool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GoingOn:
    """The model will be asked again, for the ``n``-th time, when the generator is resumed."""

    n: int
    prompt_estimate: Estimate


@dataclass(frozen=True, slots=True)
class CallsStarting:
    """The tools are run when the generator is resumed."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class CallEnded:
    """``place`` is the call's among those that started together, from 0."""

    place: int
    outcome: ToolOutcome


LoopEvent: TypeAlias = (
    ProviderEvent | IterationStarted | GoingOn | CallsStarting | ToolsExecuting | ToolProgress | CallEnded | CutShort
)
BookedFirst: TypeAlias = AttemptFailed | CallsStarting | GoingOn
"""What goes on only when it is in the books."""


class Loop:
    """One answer being worked out; ``run`` may be called once. ``allowance`` is asked between two steps."""

    def __init__(self, provider: Provider, work: RunInput, allowance: Allowance) -> None:
        self._provider, self._work, self._allowance = provider, work, allowance
        self._request, self._n, self._prompt_estimate = work.request, 1, Estimate()
        self._room_for_tools = asyncio.Semaphore(AT_ONCE)
        self._reply: Reply | None = None
        self._results: list[Block] = []
        self._calls: dict[asyncio.Task[ToolOutcome], str] = {}

    async def run(self) -> AsyncGenerator[LoopEvent, None]:
        """Yield all that happens until the agent is done; CutShort comes last if it had to end before.

        What costs or does something is announced before, by AttemptStarting, GoingOn and CallsStarting, and done when
        the generator is resumed, so that it can be written down first. Raises ProviderError.
        """
        while True:
            yield IterationStarted(self._n)
            async with aclosing(self._provider.stream(self._allowed(), self._allowance.whole.seconds_left())) as events:
                async for event in events:
                    self._notice(event)
                    yield event
            if (cut := self._cannot_go_on()) is not None:
                yield cut
            if cut is not None or not self._goes_on:
                return
            async with aclosing(self._run_tools()) as progress:
                async for step in progress:
                    yield step
            if (cut := self._prepare_next()) is not None:
                yield cut
                return
            yield GoingOn(self._n, self._prompt_estimate)

    def end_calls(self, but: Collection[str]) -> None:
        """Cancel the calls that run or wait to, but for those with these ids."""
        for task, call_id in self._calls.items():
            if call_id not in but:
                task.cancel()

    def _allowed(self) -> ModelRequest:
        return replace(self._request, max_tokens=self._allowance.begin_call(self._request.max_tokens))

    def _notice(self, event: ProviderEvent) -> None:
        if isinstance(event, ReplyEnded):
            self._reply = event.reply

    @property
    def _said(self) -> Reply:
        assert self._reply is not None
        return self._reply

    @property
    def _goes_on(self) -> bool:
        """Only these two reasons to stop wait for an answer of ours; a call is not run after any other."""
        reason = self._said.stop_reason
        return reason == "pause_turn" or (reason == "tool_use" and bool(tool_calls(self._said.content)))

    def _cannot_go_on(self) -> CutShort | None:
        if self._goes_on:
            return self._allowance.reached(self._n)
        cut_call = self._said.stop_reason in _TOO_LONG and tool_calls(self._said.content)
        return CutShort("tool_call_cut", _TOOL_CALL_CUT) if cut_call else None

    async def _run_tools(self) -> AsyncGenerator[LoopEvent, None]:
        """Yield all calls, some at a time; what has ended is told at once, what still runs ends with the generator."""
        calls = tool_calls(self._said.content) if self._said.stop_reason == "tool_use" else []
        self._results = []
        if not calls:
            return
        yield CallsStarting(tuple(calls))
        yield ToolsExecuting(len(calls), tuple(call.name for call in calls))
        for place, call in enumerate(calls, 1):
            yield ToolProgress(call.id, call.name, "executing", None, place, len(calls))
        tasks = [asyncio.create_task(self._run_tool(call)) for call in calls]
        pending, self._calls = set(tasks), {task: call.id for task, call in zip(tasks, calls, strict=True)}
        try:
            while pending:
                ended, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for place in sorted(map(tasks.index, ended)):
                    yield CallEnded(place, _outcome(tasks[place]))
                    yield _progress(calls, place, _outcome(tasks[place]))
        finally:
            await _end(pending)
        self._results = [result_of(call, _outcome(task)) for call, task in zip(calls, tasks, strict=True)]

    async def _run_tool(self, call: ToolCall) -> ToolOutcome:
        async with self._room_for_tools:
            asking = replace(self._work.asking, call_id=call.id)
            return await run_tool(self._work.tools, call.name, call.input, asking)

    def _prepare_next(self) -> CutShort | None:
        """Look at the limits once more: tools take time, and may have spent."""
        try:
            self._request, self._prompt_estimate = follow_up(self._request, self._said, self._results)
        except ContextTooLong:
            return CutShort("context_full", _CONTEXT_FULL)
        cut = self._allowance.reached(self._n)
        self._n += 1
        return cut


async def _end(tasks: Collection["asyncio.Task[ToolOutcome]"]) -> None:
    """What a tool does to end properly belongs to the answer; one that will not end is left behind."""
    for task in tasks:
        task.cancel()
    if tasks:
        with CancelScope(shield=True):
            await asyncio.wait(tasks, timeout=LONGEST_END_SECONDS)


def result_of(call: ToolCall, outcome: ToolOutcome) -> Block:
    """Return the block that tells the model how its call went."""
    return tool_result(call, outcome.text, failed=outcome.failure is not None)


def _outcome(task: asyncio.Task[ToolOutcome]) -> ToolOutcome:
    """A tool that cancels itself must not take the answer with it."""
    return ToolOutcome("The tool ended without a result.", 0, 0, "failed") if task.cancelled() else task.result()


def _progress(calls: Sequence[ToolCall], place: int, outcome: ToolOutcome) -> ToolProgress:
    call, status = calls[place], _STATUS[outcome.failure is None]
    shown, n = shortened(outcome.text), len(calls)
    return ToolProgress(call.id, call.name, status, outcome.own_ms, place + 1, n, shown, outcome.size)


def shortened(text: str) -> str:
    """Return as much of a result as a reader is shown."""
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
