"""How much one answer may take, looked at before anything more is spent."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Literal, TypeAlias

from core.money import Nanos, show_usd

Shortage: TypeAlias = Literal[
    "iteration_limit",
    "cost_limit",
    "time_limit",
    "output_limit",
    "call_limit",
    "context_full",
    "tool_call_cut",
    "budget_spent",
]

MOST_ITERATIONS = 25
MOST_CALLS = 200
"""Model calls of one answer, whichever of its agents makes them."""


@dataclass(frozen=True, slots=True)
class CutShort:
    """An answer ends before the model is done; ``text`` says why and what to do."""

    kind: Shortage
    text: str


@dataclass(frozen=True, slots=True)
class Spending:
    """What an answer has taken so far; ``nanos`` None means that the price is not known."""

    nanos: Nanos | None
    output_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one answer; None sets no limit. The last model call may go beyond a limit, but none starts beyond it."""

    iterations: int = MOST_ITERATIONS
    nanos: Nanos | None = None
    seconds: float | None = None
    output_tokens: int | None = None

    def reached(self, iterations: int, spent: Spending) -> CutShort | None:
        """Return the first limit that stands against one more model call after so many."""
        if iterations >= self.iterations:
            return _cut("iteration_limit", f"it had asked the model {iterations} times")
        if self.nanos is not None and spent.nanos is None:
            return _cut("cost_limit", "it has a limit on dollars, and no price is known for what it used")
        if self.nanos is not None and spent.nanos is not None and spent.nanos >= self.nanos:
            return _cut("cost_limit", f"it had cost {show_usd(spent.nanos)} of at most {show_usd(self.nanos)}")
        if self.seconds is not None and spent.seconds >= self.seconds:
            return _cut("time_limit", f"it had taken {spent.seconds:,.0f} of at most {self.seconds:,.0f} seconds")
        if self.output_tokens is not None and spent.output_tokens >= self.output_tokens:
            return _cut("output_limit", f"it had written {spent.output_tokens:,} of {self.output_tokens:,} tokens")
        return None

    def room(self, wanted: int, spent: Spending) -> int:
        """Return how many tokens the next model call may write."""
        if self.output_tokens is None:
            return wanted
        return max(1, min(wanted, self.output_tokens - spent.output_tokens))


@dataclass(slots=True)
class Whole:
    """What one answer has begun with all the agents that work on it, and how many seconds it has left for that.

    ``runs`` are those of agents that other agents asked, ``calls`` those of models.
    """

    seconds_left: Callable[[], float] = lambda: inf
    runs: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """Limits beside what is taken of them; ``outer`` is that of the run that asked for this one, and holds as well."""

    limits: Limits
    spent: Callable[[], Spending]
    outer: "Allowance | None" = None
    whole: Whole = field(default_factory=Whole)

    def reached(self, iterations: int) -> CutShort | None:
        own = self.limits.reached(iterations, self.spent())
        if own is None and self.whole.calls >= MOST_CALLS:
            return _cut("call_limit", f"it had asked models {MOST_CALLS} times, all its agents together")
        return own or (self.outer.reached(0) if self.outer else None)

    def begin_call(self, wanted: int) -> int:
        """Count a model call that is about to be made; returns how many tokens it may write."""
        self.whole.calls += 1
        return self.room(wanted)

    def room(self, wanted: int) -> int:
        own = self.limits.room(wanted, self.spent())
        return self.outer.room(own) if self.outer else own


def _cut(kind: Shortage, why: str) -> CutShort:
    return CutShort(
        kind, f"This answer was ended because {why}. What had arrived is kept. Ask it to go on, or raise the limit."
    )
