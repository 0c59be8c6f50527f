"""What an agent's run has done so far, as values for the books: it writes nothing itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.agent.tools.tool import ToolOutcome
from core.books.settling import LiveCall, Spent, price_reply, settle, total_of
from core.books.used import Used, used_so_far
from core.books.values import Advance, Answer, Checkpoint, Ended, ModelCall, ModelCallEnd, Run, RunEnd
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
    """One agent's run as its books were opened, with its first model call, which is ``asked``.

    Only the master agent's run writes an answer; any other was asked for by the call ``call_id``.
    """

    run: Run
    call: ModelCall
    asked: Asked
    answer_message_id: str | None = None
    call_id: str = ""


class Journal:
    """One run's; ``elapsed_ms`` counts from its beginning.

    What a method returns as a step is taken as done only when ``booked`` says that it is written down.
    """

    def __init__(self, start: RunStart, book: PriceBook, bounds: Bounds, elapsed_ms: Callable[[], int]) -> None:
        self._start, self._book, self._bounds, self._elapsed_ms = start, book, bounds, elapsed_ms
        self._call_began = 0
        self._asked = start.asked
        self._live = LiveCall(start.call)
        self._under_way = True
        self._following: ModelCall | None = None
        self.ended: list[ModelCallEnd] = []
        self._unbooked = False
        self._tools = ToolRuns()
        self._iteration = 1
        self._blocks: list[Block] = []
        self._texts: list[str] = []
        self._content: list[Block] = []
        self._text = ""
        self._kept: tuple[list[Block], str] | None = None
        self.first_token_ms: int | None = None

    @property
    def trace_id(self) -> str:
        return self._start.run.trace_id

    @property
    def characters(self) -> int:
        """How much of the reply has arrived, input of tools included."""
        return self._reply.characters if self._reply else 0

    def attempt_starting(self, passage: Passage | None = None) -> None:
        self._call_began, self._live.passage = self._elapsed_ms(), passage

    def reply_started(self, reply: Reply) -> None:
        self._live.reply = reply

    @property
    def arriving(self) -> bool:
        """Whether a reply has begun and not ended."""
        return self._reply is not None

    def keep_so_far(self) -> None:
        """Let what has arrived be the answer; what comes after it only counts."""
        self._kept = self._so_far()

    def delta_arrived(self) -> None:
        if self._live.first_token_ms is None:
            self._live.first_token_ms = self._elapsed_ms() - self._call_began
            if self.first_token_ms is None:
                self.first_token_ms = self._elapsed_ms()

    def reply_ended(self, reply: Reply) -> None:
        self._settle(Outcome("completed" if self._kept is None else "stopped"))
        self._blocks += reply.content
        self._texts += [reply.text] if reply.text else []

    def attempt_failed(self, error: ProviderError) -> Advance:
        """Note that another attempt takes the place of this one."""
        self._settle(Outcome("failed", error.kind, error.for_user, error))
        return self._about_to_ask(self._live.call.attempt + 1, self._asked.prompt)

    def prepared(self, asked: Asked) -> ModelCall:
        """Note that the first model call is another one than was opened; nothing of it was sent."""
        self._asked, call = asked, self._live.call
        bound = self._bounds.of(asked, call.started_at)
        self._live.call = replace(call, prompt_estimate=asked.prompt.central, bound=bound)
        return self._live.call

    def calls_starting(self, calls: Sequence[ToolCall]) -> Advance:
        self._tools.announce(calls, self._iteration)
        return self._step()

    def span_of(self, call_id: str) -> str:
        """Return the span of a call that runs."""
        return self._tools.span_of(call_id)

    def waited(self, call_id: str, milliseconds: int) -> None:
        """Note that a call that runs has waited for somebody's consent."""
        self._tools.waited(call_id, milliseconds)

    def call_ended(self, place: int, outcome: ToolOutcome) -> None:
        self._tools.end(place, outcome)

    def going_on(self, iteration: int, prompt_estimate: Estimate) -> Advance:
        """Note that the results are in, and the model is about to be asked again."""
        self._iteration = iteration
        return self._about_to_ask(1, prompt_estimate)

    def booked(self) -> None:
        """Note that the step that was asked for last is written down."""
        self._unbooked = False
        self._tools.begin()
        if self._following is None:
            return
        if self._following.attempt == 1:
            self._blocks += self._tools.results
            self._tools.clear()
        self._live, self._following, self._under_way = LiveCall(self._following), None, True
        self.attempt_starting()

    def cost_so_far(self) -> CostSoFar:
        ended, reply = self.total(), self._reply
        if reply is None:
            return CostSoFar(ended.usage, ended.total, self.first_token_ms)
        used = used_so_far(reply, self._live.call.prompt_estimate)
        priced = price_reply(self._book, self._live, used)
        total = None if priced.total is None or ended.total is None else priced.total + ended.total
        return CostSoFar(used.usage + ended.usage, total, self.first_token_ms)

    def total(self) -> Spent:
        """Sum up the model calls that have ended."""
        return total_of(self.ended)

    @property
    def said_last(self) -> str:
        """The text of the last reply that had any."""
        return self._so_far()[1] if not self._texts else self._texts[-1]

    @property
    def progress(self) -> tuple[object, ...]:
        """Differs as soon as a checkpoint would."""
        passage = self._passage
        return self.characters, self._live.call.id, passage.sent_at, passage.answered_at

    def checkpoint(self) -> Checkpoint | None:
        """Return how far it has come, once a request was sent or anything has arrived."""
        live, (content, text) = self._live, self._so_far()
        estimate = live.call.prompt_estimate
        if live.reply is None and not content and self._passage.sent_at is None:
            return None
        used = used_so_far(live.reply, estimate) if live.reply else Used({"input_tokens": estimate})
        return Checkpoint(
            call_id=live.call.id,
            usage=used.usage,
            reported=live.reported,
            first_token_ms=live.first_token_ms,
            reason="; ".join(used.remarks) or None,
            tools=self._tools.ended,
            answer=self._answer_of(content, text),
        )

    def end(self, outcome: Outcome) -> RunEnd:
        """Return the end, which leaves nothing open; to be asked for once."""
        self._tools.stop(outcome.status, outcome.error_type)
        self._content, self._text = self._so_far()
        if self._under_way:
            self._settle(outcome)
        took, why = self._elapsed_ms(), (outcome.error_type, outcome.error_text)
        return RunEnd(
            run_id=self._start.run.id,
            ended=Ended(outcome.status, now(), took, self.first_token_ms, *why),
            last=self.ended[-1],
            tools=self._tools.ended + never_run(self._content, self._iteration),
            unmade=(self._following.id,) if self._following else (),
        )

    def answer(self) -> tuple[list[Block], str]:
        """Content blocks and plain text of what was said up to the end."""
        return whole(self._content), self._text

    @property
    def _passage(self) -> Passage:
        return self._live.passage or Passage()

    @property
    def _reply(self) -> Reply | None:
        """What is arriving now."""
        return self._live.reply if self._under_way else None

    def _about_to_ask(self, attempt: int, prompt_estimate: Estimate) -> Advance:
        self._asked, at = replace(self._asked, prompt=prompt_estimate), now()
        self._following = replace(
            self._start.call,
            id=new_id(),
            started_at=at,
            attempt=attempt,
            iteration=self._iteration,
            prompt_estimate=prompt_estimate.central,
            bound=self._bounds.of(self._asked, at),
        )
        return self._step()

    def _step(self) -> Advance:
        content, text = self._so_far()
        return Advance(
            trace_id=self._start.run.trace_id,
            run_id=self._start.run.id,
            trace_started_at=self._start.run.trace_started_at,
            ended=self.ended[-1] if self._unbooked else None,
            tools_ended=self._tools.ended,
            call=self._following,
            tools=self._tools.announced,
            answer=self._answer_of(content, text) if content else None,
        )

    def _answer_of(self, content: list[Block], text: str) -> Answer | None:
        message = self._start.answer_message_id
        return None if message is None else Answer(message, content, text)

    def _settle(self, outcome: Outcome) -> None:
        """The model call under way has come to an end."""
        took = self._elapsed_ms() - self._call_began
        ended = Ended(outcome.status, now(), took, error_type=outcome.error_type, error_text=outcome.error_text)
        self.ended.append(settle(self._book, self._live, ended, outcome.error))
        self._unbooked, self._under_way = True, False

    def _so_far(self) -> tuple[list[Block], str]:
        """Return what has arrived; a call counts when its reply is whole."""
        if self._kept is not None:
            return self._kept
        blocks, texts, reply = [*self._blocks, *self._tools.results], self._texts, self._reply
        if reply is not None:
            blocks += [block for block in reply.content if block["type"] != "tool_use"]
            texts = [*texts, reply.text] if reply.text else texts
        return blocks, storable("\n\n".join(texts))
