"""How much one model call may cost: at the most, and as a rule."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Final

from sqlalchemy import Connection, select

from core.estimates import Estimate
from core.money import Nanos
from core.pricing import PriceBook
from core.store.database import Store
from core.store.demo import DEMO_SOURCE
from core.store.tables import TaskTrace, TraceSpan

LEAST_TYPICAL: Final = 1_000
TOKENS_A_SEARCH: Final = 10_000
"""Of the results of one web search, at the most."""
_RECENT, _ANEW_SECONDS = 20_000, 300.0

_spans, _traces = TraceSpan.__table__, TaskTrace.__table__


@dataclass(frozen=True, slots=True)
class Bound:
    """Dollars of one model call; None where no price is known. ``typical`` is never more than ``most``."""

    most: Nanos | None
    typical: Nanos | None


UNKNOWN: Final = Bound(None, None)


@dataclass(frozen=True, slots=True)
class Asked:
    """What bounds a call: the model, the prompt, and what the reply may write, search the web and read there.

    ``found`` are the tokens that the provider's own tools may add to the prompt.
    """

    model: str
    prompt: Estimate
    max_tokens: int
    searches: int = 0
    found: int = 0


class Bounds:
    """May be asked from any thread, also where none may wait; ``refresh`` reads what typical replies are."""

    def __init__(self, store: Store, book: PriceBook) -> None:
        self._store, self._book = store, book
        self._typical: dict[str, int] = {}
        self._read_at: float | None = None

    def of(self, asked: Asked, at: datetime) -> Bound:
        """By the prices of that time."""
        usual = min(asked.max_tokens, self._typical.get(asked.model, asked.max_tokens))
        prompt = asked.prompt.upper + asked.found
        most = self._book.most(asked.model, prompt, asked.max_tokens, at, searches=asked.searches)
        return Bound(most, self._book.most(asked.model, asked.prompt.central, usual, at))

    def refresh(self) -> None:
        """At most every five minutes; not for an event loop. Raises StoreError."""
        if self._read_at is not None and monotonic() - self._read_at < _ANEW_SECONDS:
            return
        with self._store.read() as connection:
            self._typical = typical_replies(connection)
        self._read_at = monotonic()


def typical_replies(connection: Connection) -> dict[str, int]:
    """By model, the tokens that 99 of 100 finished replies here do not pass, of the newest calls."""
    newest = select(_spans).order_by(_spans.c.id.desc()).limit(_RECENT).subquery()
    query = (
        select(newest.c.model, newest.c.output_tokens)
        .join(_traces, _traces.c.id == newest.c.task_trace_id)
        .where(newest.c.kind == "model_call", newest.c.status == "success", _traces.c.source != DEMO_SOURCE)
    )
    written: defaultdict[str, list[int]] = defaultdict(list)
    for row in connection.execute(query):
        written[row.model].append(row.output_tokens)
    return {model: max(LEAST_TYPICAL, _percentile(counts)) for model, counts in written.items()}


def _percentile(counts: list[int]) -> int:
    """The 99th, of which there is at least one."""
    return sorted(counts)[math.ceil(0.99 * len(counts)) - 1]


def most_searches(tools: Sequence[Mapping[str, Any]]) -> int:
    """How often the provider may search the web for one reply that has these tools."""
    return sum(_uses(tool, "web_search") for tool in tools)


def most_found(tools: Sequence[Mapping[str, Any]]) -> int:
    """How many tokens of the web the provider may read for it: whole pages are limited by their definition."""
    pages = [_uses(tool, "web_fetch") * int(tool.get("max_content_tokens") or 0) for tool in tools]
    return most_searches(tools) * TOKENS_A_SEARCH + sum(pages)


def _uses(tool: Mapping[str, Any], kind: str) -> int:
    return int(tool.get("max_uses") or 0) if str(tool.get("type", "")).startswith(kind) else 0
