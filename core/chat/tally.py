"""What the turns that ended in this process came to, for monitoring."""

import threading
from collections import Counter
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

from core import units
from core.books.spans import answered_model, is_same
from core.books.values import STEP_STATUS, ModelCallEnd
from core.events import TurnStatus

TOKENS: Final = tuple(unit.name for unit in units.TOKENS)
"""Buckets of usage that no token is in twice."""


@dataclass(frozen=True, slots=True)
class Counts:
    """``turns`` by status, ``calls`` by model, status and error type, ``tokens`` by model and bucket.

    ``nanos`` are by the model that was billed, of the calls whose price is known; the others are in ``unpriced``.
    """

    turns: Counter[TurnStatus] = field(default_factory=Counter)
    calls: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    tokens: Counter[tuple[str, str]] = field(default_factory=Counter)
    nanos: Counter[str] = field(default_factory=Counter)
    unpriced: Counter[str] = field(default_factory=Counter)


class Tally:
    """Counts turns as they end, on any thread; it only ever grows."""

    def __init__(self) -> None:
        self._counts = Counts()
        self._lock = threading.Lock()

    def add(self, status: TurnStatus, calls: Iterable[ModelCallEnd]) -> None:
        """Add one turn with its model calls.

        Tokens and money are those of the models that were billed, calls those of the model that answered.
        """
        with self._lock:
            self._counts.turns[status] += 1
            for call in calls:
                self._add_call(call)

    def read(self) -> Counts:
        """Read the sums as they are at this moment."""
        with self._lock:
            return deepcopy(self._counts)

    def _add_call(self, end: ModelCallEnd) -> None:
        counts, model, cost = self._counts, end.call.model, end.cost
        answered = answered_model(end) or model
        counts.calls[answered, STEP_STATUS[end.ended.status], end.ended.error_type or ""] += 1
        if cost.total is None:
            counts.unpriced[answered] += 1
        for line in cost.lines:
            billed = model if is_same(line.model, model) else line.model
            if line.unit in TOKENS:
                counts.tokens[billed, line.unit] += line.quantity
            if cost.total is not None:
                counts.nanos[billed] += line.amount or 0
