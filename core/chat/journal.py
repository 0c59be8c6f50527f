"""What an agent's run has done so far, as values for the books: it writes nothing itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.agent.tools.tool import ToolOutcome
from core.books.entries import STEP_STATUS, AttemptEnd, Checkpoint, NewAttempt, SessionEnd, Step
from core.books.preparing import Prepared
from core.books.settling import Attempt, Ending, Spent, price_reply, settle, total_of
from core.books.used import Used, used_so_far
from core.budgets.bounds import Asked, Bounds
from core.chat.tool_runs import ToolRuns, never_run, whole
from core.clock import new_id, now
from core.errors import ProviderError
from core.estimates import Estimate
from core.events import CostSoFar, TurnStatus
from core.pricing import PriceBook
from core.provider.blocks import Block, ToolCall
from core.provider.passage import Passage
from core.provider.reply import Reply
from core.store.text import storable


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn, a run or an attempt ended; ``error`` is the provider's, ``error_text`` is for the user."""

    status: TurnStatus
    error_type: str | None = None
    error_text: str | None = None
    error: ProviderError | None = None


@dataclass(frozen=True, slots=True)
class RunStart:
    """One agent's run as its books were opened with the first call that is ``asked``.

    Only the master agent's run writes an answer; any other was asked for by the call ``call_id``.
    """

    task_trace_id: str
    session_id: str
    span_id: str
    model: str
    asked: Asked
    trace_started_at: datetime
    answer_message_id: str | None = None
    call_id: str = ""


class Journal:
    """One run's; ``elapsed_ms`` counts from its beginning.

    What a method returns as a Step is taken as done only when ``booked`` says that it is written down.
    """

    def __init__(self, start: RunStart, book: PriceBook, bounds: Bounds, elapsed_ms: Callable[[], int]) -> None:
        self._start, self._book, self._bounds, self._elapsed_ms = start, book, bounds, elapsed_ms
        self._iteration, self._attempt_began = 1, 0
        self._asked = start.asked
        self._attempt = Attempt(start.span_id, 1, start.model, start.asked.prompt.central, now())
        self._under_way = True
        self._following: Attempt | None = None
        self.ended: list[AttemptEnd] = []
        self._unbooked = False
        self._tools = ToolRuns()
        self._blocks: list[Block] = []
        self._texts: list[str] = []
        self._content: list[Block] = []
        self._text = ""
        self._kept: tuple[list[Block], str] | None = None
        self.first_token_ms: int | None = None

    @property
    def task_trace_id(self) -> str:
        return self._start.task_trace_id

    @property
    def characters(self) -> int:
        """How much of the reply has arrived, input of tools included."""
        return self._reply.characters if self._reply else 0

    def attempt_starting(self, passage: Passage | None = None) -> None:
        self._attempt_began, self._attempt.passage = self._elapsed_ms(), passage

    def reply_started(self, reply: Reply) -> None:
        self._attempt.reply = reply

    @property
    def arriving(self) -> bool:
        """Whether a reply has begun and not ended."""
        return self._reply is not None

    def keep_so_far(self) -> None:
        """Let what has arrived be the answer; what comes after it only counts."""
        self._kept = self._so_far()

    def delta_arrived(self) -> None:
        if self._attempt.time_to_first_token_ms is None:
            self._attempt.time_to_first_token_ms = self._elapsed_ms() - self._attempt_began
            if self.first_token_ms is None:
                self.first_token_ms = self._elapsed_ms()

    def reply_ended(self, reply: Reply) -> None:
        self._settle(Outcome("completed" if self._kept is None else "stopped"))
        self._blocks += reply.content
        self._texts += [reply.text] if reply.text else []

    def attempt_failed(self, error: ProviderError) -> Step:
        """Another attempt takes the place of this one."""
        self._settle(Outcome("failed", error.kind, error.for_user, error))
        return self._about_to_ask(self._attempt.number + 1, self._asked.prompt)

    def prepared(self, asked: Asked, notes: tuple[str, ...]) -> Prepared:
        """The first call is another one than was opened; nothing of it was sent."""
        self._asked, self._attempt.prompt_estimate = asked, asked.prompt.central
        start, bound = self._start, self._bounds.of(asked, self._attempt.started_at)
        return Prepared(
            start.task_trace_id, start.session_id, self._attempt.span_id, bound, asked.prompt.central, notes
        )

    def calls_starting(self, calls: Sequence[ToolCall]) -> Step:
        self._tools.announce(calls, self._iteration)
        return self._step()

    def span_of(self, call_id: str) -> str:
        """The span of a call that runs."""
        return self._tools.span_of(call_id)

    def waited(self, call_id: str, milliseconds: int) -> None:
        """A call that runs has waited for somebody's consent."""
        self._tools.waited(call_id, milliseconds)

    def call_ended(self, place: int, outcome: ToolOutcome) -> None:
        self._tools.end(place, outcome)

    def going_on(self, iteration: int, prompt_estimate: Estimate) -> Step:
        """The results are in, and the model is about to be asked again."""
        self._iteration = iteration
        return self._about_to_ask(1, prompt_estimate)

    def booked(self) -> None:
        """The step that was asked for last is written down."""
        self._unbooked = False
        self._tools.begin()
        if self._following is None:
            return
        if self._following.number == 1:
            self._blocks += self._tools.results
            self._tools.clear()
        self._attempt, self._following, self._under_way = self._following, None, True
        self.attempt_starting()

    def cost_so_far(self) -> CostSoFar:
        ended, reply = self.total(), self._reply
        if reply is None:
            return CostSoFar(ended.usage, ended.total, self.first_token_ms)
        used = used_so_far(reply, self._attempt.prompt_estimate)
        priced = price_reply(self._book, self._attempt, used)
        total = None if priced.total is None or ended.total is None else priced.total + ended.total
        return CostSoFar(used.usage + ended.usage, total, self.first_token_ms)

    def total(self) -> Spent:
        """What the attempts came to that have ended."""
        return total_of(self.ended)

    @property
    def said_last(self) -> str:
        """The text of the last reply that had any."""
        return self._so_far()[1] if not self._texts else self._texts[-1]

    @property
    def progress(self) -> tuple[object, ...]:
        """Differs as soon as a checkpoint would."""
        passage = self._passage
        return self.characters, self._attempt.span_id, passage.sent_at, passage.answered_at

    def checkpoint(self) -> Checkpoint | None:
        """How far it has come, once a request was sent or anything has arrived."""
        attempt, (content, text) = self._attempt, self._so_far()
        reply, passage = attempt.reply, self._passage
        if reply is None and not content and passage.sent_at is None:
            return None
        used = used_so_far(reply, attempt.prompt_estimate) if reply else Used({"input_tokens": attempt.prompt_estimate})
        return Checkpoint(
            span_id=attempt.span_id,
            answer_message_id=self._start.answer_message_id,
            usage=used.usage,
            usage_json=dict(reply.usage) if reply else None,
            response_model=reply.model if reply else None,
            request_id=(reply.request_id if reply else None) or passage.request_id,
            time_to_first_token_ms=attempt.time_to_first_token_ms,
            content=content,
            text=text,
            tools=self._tools.ended,
            sent_at=passage.sent_at,
            answered_at=passage.answered_at,
            cost_reason="; ".join(used.remarks) or None,
        )

    def end(self, outcome: Outcome) -> SessionEnd:
        """The end, which leaves nothing open; to be asked for once."""
        self._tools.stop(STEP_STATUS[outcome.status], outcome.error_type)
        self._content, self._text = self._so_far()
        if self._under_way:
            self._settle(outcome)
        return SessionEnd(
            session_id=self._start.session_id,
            status=STEP_STATUS[outcome.status],
            duration_ms=self._elapsed_ms(),
            attempt=self.ended[-1],
            tools=self._tools.ended + never_run(self._content, self._iteration),
            unmade=(self._following.span_id,) if self._following else (),
            ended_at=now(),
            time_to_first_token_ms=self.first_token_ms,
            error_type=outcome.error_type,
            error_text=outcome.error_text,
        )

    def answer(self) -> tuple[list[Block], str]:
        """Content blocks and plain text of what was said up to the end."""
        return whole(self._content), self._text

    @property
    def _passage(self) -> Passage:
        return self._attempt.passage or Passage()

    @property
    def _reply(self) -> Reply | None:
        """What is arriving now."""
        return self._attempt.reply if self._under_way else None

    def _about_to_ask(self, number: int, prompt_estimate: Estimate) -> Step:
        self._asked = replace(self._asked, prompt=prompt_estimate)
        self._following = Attempt(new_id(), number, self._start.model, prompt_estimate.central, now())
        return self._step()

    def _step(self) -> Step:
        (content, text), following = self._so_far(), self._following
        return Step(
            task_trace_id=self._start.task_trace_id,
            session_id=self._start.session_id,
            trace_started_at=self._start.trace_started_at,
            ended=self.ended[-1] if self._unbooked else None,
            tools_ended=self._tools.ended,
            attempt=self._row_of(following) if following else None,
            prompt_estimate=following.prompt_estimate if following else 0,
            tools=self._tools.announced,
            at=following.started_at if following else None,
            answer_message_id=self._start.answer_message_id,
            content=content or None,
            text=text,
        )

    def _row_of(self, attempt: Attempt) -> NewAttempt:
        return NewAttempt(
            span_id=attempt.span_id,
            task_trace_id=self._start.task_trace_id,
            session_id=self._start.session_id,
            model=attempt.model,
            number=attempt.number,
            trace_started_at=self._start.trace_started_at,
            iteration=self._iteration,
            bound=self._bounds.of(self._asked, attempt.started_at),
        )

    def _settle(self, outcome: Outcome) -> None:
        """The attempt under way has come to an end."""
        took = self._elapsed_ms() - self._attempt_began
        status = STEP_STATUS[outcome.status]
        ending = Ending(status, now(), took, outcome.error_type, outcome.error_text, outcome.error)
        self.ended.append(settle(self._book, self._attempt, ending))
        self._unbooked, self._under_way = True, False

    def _so_far(self) -> tuple[list[Block], str]:
        """What has arrived; a call counts when its reply is whole."""
        if self._kept is not None:
            return self._kept
        blocks, texts, reply = [*self._blocks, *self._tools.results], self._texts, self._reply
        if reply is not None:
            blocks += [block for block in reply.content if block["type"] != "tool_use"]
            texts = [*texts, reply.text] if reply.text else texts
        return blocks, storable("\n\n".join(texts))
