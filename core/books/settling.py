"""What a model call cost, however it ended: exact where the provider said so, else estimated and marked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.books.used import Used, used_so_far
from core.books.values import Cost, Ended, Line, ModelCall, ModelCallEnd, Reported
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
class LiveCall:
    """A model call under way; ``passage`` is there once it is made, ``reply`` from the provider's first event on."""

    call: ModelCall
    reply: Reply | None = None
    first_token_ms: int | None = None
    passage: Passage | None = None

    @property
    def reported(self) -> Reported:
        """What the provider has told by now."""
        reply, passage = self.reply, self.passage or Passage()
        return Reported(
            usage=dict(reply.usage) if reply else None,
            model=reply.model if reply else None,
            request_id=(reply.request_id if reply else None) or passage.request_id,
            http_status=200 if reply else None,
            stop_reason=reply.stop_reason if reply else None,
            sent_at=passage.sent_at,
            answered_at=passage.answered_at,
        )


def settle(book: PriceBook, live: LiveCall, ended: Ended, error: ProviderError | None = None) -> ModelCallEnd:
    """Price what the call is known or believed to have used; ``error`` is what a failed one failed with."""
    used, priced, reason = _priced(book, live, error)
    reported = live.reported
    if live.reply is None and error is not None:
        request_id = error.request_id or reported.request_id
        reported = replace(reported, request_id=request_id, http_status=error.http_status)
    return ModelCallEnd(
        call=live.call,
        ended=replace(ended, first_token_ms=live.first_token_ms),
        cost=cost_of(priced, reason),
        usage=used.usage,
        reported=reported,
    )


def _priced(book: PriceBook, live: LiveCall, error: ProviderError | None) -> tuple[Used, Priced, str | None]:
    call = live.call
    if live.reply is not None:
        used = used_so_far(live.reply, call.prompt_estimate)
        return used, price_reply(book, live, used), None
    reason = _why_nothing(live.passage, error)
    if reason is not None:
        return Used({}), nothing(reason), reason
    usage = {"input_tokens": call.prompt_estimate, "output_tokens": 0}
    priced = book.price_usage(call.model, usage, call.started_at, stop_reason=None, content_blocks=0)
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
    """Return no cost: a fact where the reason says so, else an estimate to be looked up at the provider."""
    basis: CostBasis = "computed" if reason in (NOT_SENT, NOT_BILLED) else "estimated"
    return Priced(total=0, lines=(), basis=basis, reason=reason)


@dataclass(frozen=True, slots=True)
class Spent:
    """Several model calls together; ``total`` is None as soon as one of them has no known price."""

    usage: Usage
    total: Nanos | None
    basis: CostBasis


def total_of(calls: Sequence[ModelCallEnd]) -> Spent:
    """Return the same sums as the books make when a parent closes."""
    known = [call.cost.total for call in calls if call.cost.total is not None]
    basis: CostBasis = max((call.cost.basis for call in calls), default="computed", key=_CERTAINTY.index)
    usage = sum((call.usage for call in calls), start=Usage())
    return Spent(usage, sum(known) if len(known) == len(calls) else None, basis)


def price_reply(book: PriceBook, live: LiveCall, used: Used) -> Priced:
    """Price a reply, finished or not, by the model that answered and the prices of when it was asked."""
    reply, call = live.reply, live.call
    assert reply is not None
    priced = book.price_usage(
        reply.model or call.model,
        used.json,
        call.started_at,
        stop_reason=reply.stop_reason,
        content_blocks=reply.block_count,
    )
    return remarked(priced, used.remarks)


def remarked(priced: Priced, remarks: Sequence[str]) -> Priced:
    """Return the price as an estimate, if there are remarks, and with them among its reasons."""
    if not remarks:
        return priced
    reason = "; ".join([*remarks, *([priced.reason] if priced.reason else [])])
    return replace(priced, basis="estimated" if priced.basis == "computed" else priced.basis, reason=reason)


def cost_of(priced: Priced, reason: str | None = None) -> Cost:
    """Return the price as the books keep it; ``reason`` is said in place of the price's own."""
    return Cost(priced.total, priced.basis, reason or priced.reason, tuple(_line(line) for line in priced.lines))


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
