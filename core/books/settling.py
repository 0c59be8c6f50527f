"""What one attempt cost, however it ended: exact where the provider said so, else estimated and marked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.books.entries import AttemptEnd, Line, StepStatus
from core.books.used import Used, used_so_far
from core.errors import ProviderError
from core.events import CostBasis
from core.money import Nanos
from core.pricing import PriceBook, Priced, PricedLine
from core.provider.passage import Passage
from core.provider.reply import Reply
from core.usage import Usage

_CERTAINTY: tuple[CostBasis, ...] = ("computed", "estimated", "unpriced")

NOT_BILLED = "not billed: the provider refused the request"
NOT_SENT = "not billed: the request was not sent"
NO_ANSWER = (
    "sent, but no answer came; nothing is counted, and only the provider's own report can tell whether it billed it"
)
ANSWERED_FOR = (
    "sent, but something between here and the provider answered in its place; nothing is counted, and only the "
    "provider's own report can tell whether it billed it"
)
NO_REPLY = "the provider took the request, but its reply did not begin; the prompt's estimated tokens are counted"
PERHAPS_SENT = (
    "the server stopped before it was written down whether the request had been sent; nothing is counted, and only the "
    "provider's own report can tell whether it was billed"
)
_GATEWAYS = (502, 503, 504)


@dataclass(slots=True)
class Attempt:
    """A model call under way; ``passage`` is there once it is made, ``reply`` from the provider's first event on."""

    span_id: str
    number: int
    model: str
    prompt_estimate: int
    started_at: datetime
    reply: Reply | None = None
    time_to_first_token_ms: int | None = None
    passage: Passage | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended; ``error`` is what a failed one failed with."""

    status: StepStatus
    at: datetime
    duration_ms: int
    error_type: str | None = None
    error_text: str | None = None
    error: ProviderError | None = None


def settle(book: PriceBook, attempt: Attempt, ending: Ending) -> AttemptEnd:
    """Price what the attempt is known or believed to have used."""
    used, priced, reason = _priced(book, attempt, ending.error)
    reply, error, passage = attempt.reply, ending.error, attempt.passage or Passage()
    return AttemptEnd(
        span_id=attempt.span_id,
        status=ending.status,
        started_at=attempt.started_at,
        ended_at=ending.at,
        duration_ms=ending.duration_ms,
        time_to_first_token_ms=attempt.time_to_first_token_ms,
        usage=used.usage,
        total=priced.total,
        basis=priced.basis,
        cost_reason=reason or priced.reason,
        lines=lines_of(priced),
        usage_json=dict(reply.usage) if reply else None,
        response_model=reply.model if reply else None,
        request_id=(reply.request_id if reply else None) or (error.request_id if error else None) or passage.request_id,
        http_status=200 if reply else (error.http_status if error else None),
        stop_reason=reply.stop_reason if reply else None,
        error_type=ending.error_type,
        error_text=ending.error_text,
        sent_at=passage.sent_at,
        answered_at=passage.answered_at,
        asked_model=attempt.model,
    )


def _priced(book: PriceBook, attempt: Attempt, error: ProviderError | None) -> tuple[Used, Priced, str | None]:
    if attempt.reply is not None:
        used = used_so_far(attempt.reply, attempt.prompt_estimate)
        return used, price_reply(book, attempt, used), None
    reason = _why_nothing(attempt.passage, error)
    if reason is not None:
        return Used({}), nothing(reason), reason
    usage = {"input_tokens": attempt.prompt_estimate, "output_tokens": 0}
    priced = book.price_usage(attempt.model, usage, attempt.started_at, stop_reason=None, content_blocks=0)
    return Used(usage), priced, NO_REPLY


def _why_nothing(passage: Passage | None, error: ProviderError | None) -> str | None:
    """Why a call without a reply costs nothing, as far as that can be known; None: its prompt was taken."""
    if passage is None or passage.sent_at is None:
        return NOT_SENT
    if error is not None and error.http_status is not None:
        by_another = error.http_status in _GATEWAYS and error.request_id is None
        return ANSWERED_FOR if by_another else NOT_BILLED
    if passage.answered_at is None:
        return NO_ANSWER
    return None if passage.accepted else ANSWERED_FOR


def nothing(reason: str) -> Priced:
    """No cost: a fact where the reason says so, else an estimate to be looked up at the provider."""
    basis: CostBasis = "computed" if reason in (NOT_SENT, NOT_BILLED) else "estimated"
    return Priced(total=0, lines=(), basis=basis, reason=reason)


@dataclass(frozen=True, slots=True)
class Spent:
    """Several attempts together; ``total`` is None as soon as one of them has no known price."""

    usage: Usage
    total: Nanos | None
    basis: CostBasis


def total_of(attempts: Sequence[AttemptEnd]) -> Spent:
    """The same sums as the books make when a parent closes."""
    known = [attempt.total for attempt in attempts if attempt.total is not None]
    basis: CostBasis = max((attempt.basis for attempt in attempts), default="computed", key=_CERTAINTY.index)
    usage = sum((attempt.usage for attempt in attempts), start=Usage())
    return Spent(usage, sum(known) if len(known) == len(attempts) else None, basis)


def price_reply(book: PriceBook, attempt: Attempt, used: Used) -> Priced:
    """Price a reply, finished or not, by the model that answered and the prices of when it was asked."""
    reply = attempt.reply
    assert reply is not None
    priced = book.price_usage(
        reply.model or attempt.model,
        used.json,
        attempt.started_at,
        stop_reason=reply.stop_reason,
        content_blocks=reply.block_count,
    )
    return remarked(priced, used.remarks)


def remarked(priced: Priced, remarks: Sequence[str]) -> Priced:
    """The price as an estimate, if there are remarks, and with them among its reasons."""
    if not remarks:
        return priced
    reason = "; ".join([*remarks, *([priced.reason] if priced.reason else [])])
    return replace(priced, basis="estimated" if priced.basis == "computed" else priced.basis, reason=reason)


def lines_of(priced: Priced) -> tuple[Line, ...]:
    return tuple(_line(line) for line in priced.lines)


def _line(line: PricedLine) -> Line:
    return Line(
        model=line.model,
        unit=line.unit,
        quantity=line.quantity,
        unit_price_usd=None if line.unit_price_usd is None else format(line.unit_price_usd, "f"),
        amount=line.amount,
        price_source=line.source,
        price_from=line.price_from,
        uncached=line.uncached,
    )
