"""The tools of one iteration while they run: each call gets exactly one result and one end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from core.agent.loop import result_of
from core.agent.tools.tool import ToolOutcome
from core.books import values
from core.books.tool_calls import cut, new_tool
from core.books.values import Ended, ToolCallEnd
from core.clock import now
from core.events import TurnStatus
from core.provider.blocks import Block, ToolCall, open_calls, tool_result, with_every_result

NOT_FINISHED = "This tool was stopped before it had ended. It may or may not have done its work."
NOT_RUN = "This tool was not run, because the answer ended before."


@dataclass(slots=True)
class _Run:
    call: ToolCall
    tool: values.ToolCall
    waited_ms: int | None = None
    result: Block | None = None
    end: ToolCallEnd | None = None


class ToolRuns:
    """Calls count as begun only when ``begin`` says so."""

    def __init__(self) -> None:
        self._starting: list[_Run] = []
        self._runs: list[_Run] = []

    def announce(self, calls: Sequence[ToolCall], iteration: int) -> None:
        at = now()
        self._starting = [_Run(call, new_tool(call, iteration, at)) for call in calls]

    @property
    def announced(self) -> tuple[values.ToolCall, ...]:
        return tuple(run.tool for run in self._starting)

    def begin(self) -> None:
        if self._starting:
            self._runs, self._starting = self._starting, []

    def span_of(self, call_id: str) -> str:
        return self._run(call_id).tool.id

    def waited(self, call_id: str, milliseconds: int) -> None:
        self._run(call_id).waited_ms = milliseconds

    def _run(self, call_id: str) -> _Run:
        return next(run for run in self._runs if run.call.id == call_id)

    def end(self, place: int, outcome: ToolOutcome) -> None:
        run, text = self._runs[place], cut(outcome.text)
        status: TurnStatus = "completed" if outcome.failure is None else "failed"
        run.result = result_of(run.call, outcome)
        ended = Ended(status, now(), outcome.duration_ms, error_type=outcome.failure)
        run.end = ToolCallEnd(run.tool, ended, text, outcome.size, outcome.waited_ms or None)

    @property
    def ended(self) -> tuple[ToolCallEnd, ...]:
        return tuple(run.end for run in self._runs if run.end)

    @property
    def results(self) -> list[Block]:
        """In the order of the calls."""
        return [run.result for run in self._runs if run.result]

    def clear(self) -> None:
        self._runs = []

    def stop(self, status: TurnStatus, error_type: str | None) -> None:
        """Whatever still runs ends like this."""
        for run in self._runs:
            if run.end is None:
                run.result = tool_result(run.call, NOT_FINISHED, failed=True)
                run.end = replace(_cut_off(run.tool, status, error_type, NOT_FINISHED), waited_ms=run.waited_ms)


def never_run(content: Sequence[Block], iteration: int) -> tuple[ToolCallEnd, ...]:
    """Return the ends of the calls in an answer's content that were asked for but not begun."""
    return tuple(
        _cut_off(new_tool(call, iteration, now()), "stopped", "not_run", NOT_RUN) for call in open_calls(content)
    )


def whole(content: Sequence[Block]) -> list[Block]:
    """Return the content with a result for each call that was not begun."""
    return with_every_result(content, NOT_RUN)


def _cut_off(tool: values.ToolCall, status: TurnStatus, error_type: str | None, error_text: str) -> ToolCallEnd:
    at = now()
    took = max(0, (at - tool.started_at) // timedelta(milliseconds=1))
    return ToolCallEnd(tool, Ended(status, at, took, error_type=error_type, error_text=error_text))
