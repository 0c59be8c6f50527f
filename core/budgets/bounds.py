"""How much one model call may cost: at the most, and as a rule."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any, Final

from sqlalchemy import Connection, select

from core.estimates import Estimate
from core.money import Nanos
from core.pricing import PriceBook
from core.provider.models import find_model
from core.store.database import Store
from core.store.demo import DEMO_SOURCE
from core.store.tables import TaskTrace, TraceSpan
from core.units import APIECE

LEAST_TYPICAL: Final = 1_000
ROUNDS_AT_PROVIDER: Final = 10
"""How often the provider runs a model for one reply whose tools it runs itself, before it hands the reply back."""
_RECENT, _REFRESH_SECONDS = 20_000, 300.0

_spans, _traces = TraceSpan.__table__, TaskTrace.__table__


@dataclass(frozen=True, slots=True)
class Bound:
    """Dollars of one model call; None where no price is known. ``typical`` is never more than ``most``."""

    most: Nanos | None
    typical: Nanos | None


UNKNOWN: Final = Bound(None, None)


@dataclass(frozen=True, slots=True)
class Asked:
    """What bounds a call: the model, the prompt, and what the reply may write, read, and use of what is billed apiece.

    ``apiece`` is by the names of ``Usage``. ``most_read`` are the tokens that may be read where the provider's own
    tools add to the prompt; None: none do.
    """

    model: str
    prompt: Estimate
    max_tokens: int
    apiece: Mapping[str, int] = field(default_factory=dict)
    most_read: int | None = None


class Bounds:
    """May be asked from any thread, also where none may wait; ``refresh`` reads what typical replies are."""

    def __init__(self, store: Store, book: PriceBook) -> None:
        self._store, self._book = store, book
        self._typical: dict[str, int] = {}
        self._read_at: float | None = None

    def of(self, asked: Asked, at: datetime) -> Bound:
        """Return the bound by the prices of that time."""
        usual = min(asked.max_tokens, self._typical.get(asked.model, asked.max_tokens))
        prompt = max(asked.prompt.upper, asked.most_read or 0)
        most = self._book.max_cost(asked.model, prompt, asked.max_tokens, at, **asked.apiece)
        return Bound(most, self._book.max_cost(asked.model, asked.prompt.central, usual, at))

    def refresh(self) -> None:
        """Read again, at most every five minutes; not for an event loop. Raises StoreError."""
        if self._read_at is not None and monotonic() - self._read_at < _REFRESH_SECONDS:
            return
        with self._store.read() as connection:
            self._typical = typical_replies(connection)
        self._read_at = monotonic()


def typical_replies(connection: Connection) -> dict[str, int]:
    """Return by model the tokens that 99 of 100 finished replies here do not pass, of the newest calls."""
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
    """Return the 99th, of which there is at least one."""
    return sorted(counts)[math.ceil(0.99 * len(counts)) - 1]


def most_apiece(tools: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return how much of what is billed apiece the provider may use for one reply that has these tools: one a use.

    The type of such a tool begins with the unit's name, as ``web_search_20260318`` does.
    """
    uses = {unit.field: sum(_uses(tool, unit.name) for tool in tools) for unit in APIECE}
    return {name: number for name, number in uses.items() if number}


def most_read(tools: Sequence[Mapping[str, Any]], model: str) -> int | None:
    """Return how many tokens may be read for it, if the provider runs tools for it that add to its prompt; else None.

    What they add has no limit but the model's window, and each time that the model goes on it reads all of it again.
    """
    known = find_model(model)
    return ROUNDS_AT_PROVIDER * known.context_window if known and any(map(_at_provider, tools)) else None


def runs_code(tools: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the provider may run code for it: that time is billed apart, and no budget counts it."""
    return any(str(tool.get("type", "")).startswith("code_execution") for tool in tools)


def _at_provider(tool: Mapping[str, Any]) -> bool:
    """Tools of ours are told without a type."""
    return "type" in tool and tool["type"] != "custom"


def _uses(tool: Mapping[str, Any], kind: str) -> int:
    return int(tool.get("max_uses") or 0) if str(tool.get("type", "")).startswith(kind) else 0
