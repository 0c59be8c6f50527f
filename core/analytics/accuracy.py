"""How near the estimates are: of finished replies both the text and the provider's own count are known."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from json import dumps
from statistics import quantiles
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, cast, func, select

from core.analytics.figures import is_master_session
from core.estimates import Tally
from core.provider.blocks import THINKING, Block
from core.store.tables import Message, TaskTrace, TraceSession, TraceSpan

_messages, _traces = Message.__table__, TaskTrace.__table__
_sessions, _spans = TraceSession.__table__, TraceSpan.__table__

_AT_ONCE = 500
_LEAST_TOKENS = 20
_FEWEST = 10
_WHOLE = func.count().filter(_spans.c.status != "success") + func.count().filter(_spans.c.cost_basis != "computed") == 0
_FINISHED = (
    select(_messages.c.content, _sessions.c.model, _sessions.c.session_type)
    .add_columns(cast(func.sum(_spans.c.output_tokens - _spans.c.thinking_tokens), BigInteger).label("tokens"))
    .join(_traces, _traces.c.id == _messages.c.task_trace_id)
    .join(_sessions, is_master_session())
    .join(_spans, (_spans.c.trace_session_id == _sessions.c.id) & (_spans.c.kind == "model_call"))
    .where(_messages.c.role == "assistant", _messages.c.status == "complete", _traces.c.source != "demo")
    .group_by(_messages.c.id, _sessions.c.model, _sessions.c.session_type)
    .having(_WHOLE, func.min(_spans.c.output_tokens) > 0)
    .order_by(_messages.c.id.desc())
)


@dataclass(frozen=True, slots=True)
class Compared:
    """One finished reply: the tokens of its text as the provider counted and as they are estimated."""

    model: str
    script: str
    simulated: bool
    true: int
    central: int
    upper: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """``ratio`` is all that was estimated to all that was counted; nine of ten replies are no further off than ``off``.

    ``over`` counts replies that had more tokens than the upper bound. ``off`` is a share of the true count, and None
    for fewer than ten replies.
    """

    replies: int
    ratio: float
    off: float | None
    over: int


def compare(connection: Connection, newest: int | None = None) -> Iterator[Compared]:
    """Finished replies whose text and count are both known, the newest first; what was thought is in neither.

    Those of few tokens are left out, and those that thought without saying how much.
    """
    query = _FINISHED if newest is None else _FINISHED.limit(newest)
    for row in connection.execution_options(yield_per=_AT_ONCE).execute(query):
        if (found := _compared(row)) is not None:
            yield found


def _compared(row: Row[Any]) -> Compared | None:
    blocks: list[Block] = row.content
    tally = Tally()
    for text in _written(blocks):
        tally.add(text)
    guess = tally.tokens(row.model)
    unsaid = any(block.get("type") in THINKING for block in blocks) and row.tokens > 4 * guess.central
    if row.tokens < _LEAST_TOKENS or not guess.central or unsaid:
        return None
    simulated = row.session_type == "simulated"
    return Compared(row.model, tally.script or "", simulated, row.tokens, guess.central, guess.upper)


def _written(blocks: Iterable[Block]) -> Iterator[str]:
    """What the model wrote of them."""
    for block in blocks:
        if block.get("type") == "text":
            yield str(block.get("text") or "")
        elif block.get("type") in ("tool_use", "server_tool_use"):
            yield str(block.get("name"))
            yield dumps(block.get("input"), ensure_ascii=False)


def summed_up(compared: Iterable[Compared]) -> Accuracy | None:
    """Return how far estimates of replies were off; None for no replies."""
    each = list(compared)
    if not each:
        return None
    ratio = sum(one.central for one in each) / sum(one.true for one in each)
    off = sorted(abs(one.central / one.true - 1) for one in each)
    ninth = quantiles(off, n=10)[-1] if len(off) >= _FEWEST else None
    return Accuracy(len(each), ratio, ninth, sum(one.true > one.upper for one in each))


def by_model_and_script(compared: Iterable[Compared]) -> dict[tuple[str, str, bool], Accuracy]:
    """Group by model, script and whether the simulator answered, in this order."""
    groups = defaultdict[tuple[str, str, bool], list[Compared]](list)
    for one in compared:
        groups[one.model, one.script, one.simulated].append(one)
    return {key: found for key in sorted(groups) if (found := summed_up(groups[key])) is not None}
