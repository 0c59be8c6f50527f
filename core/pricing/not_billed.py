"""Which runs of a model the provider reports but does not bill."""

from collections.abc import Sequence

from core.units import PROMPT, UNITS
from core.usage import Iteration

_OTHERS = tuple(unit for unit in UNITS if unit not in PROMPT)


def why_not_billed(iterations: Sequence[Iteration], *, refused: bool, silent: bool) -> list[str | None]:
    """Say for each iteration why it is free, or None.

    ``refused``: the reply ended in a refusal; ``silent``: it has no content block. An attempt that produced no output
    before another model took over is free too, and so is the last such model's own refusal, although its reply then
    holds blocks: those that mark the handing over.
    """
    fallbacks = [each.model for each in iterations if each.kind == "fallback_message"]
    unheard = refused and (silent or bool(fallbacks))
    return [_why(each, serving=fallbacks[-1:], unheard=unheard) for each in iterations]


def _why(iteration: Iteration, *, serving: Sequence[str | None], unheard: bool) -> str | None:
    used = iteration.usage
    if used.sum_of(_OTHERS) or iteration.kind not in ("message", "fallback_message"):
        return None
    if serving and iteration.kind == "message" and iteration.model not in serving:
        return f"not billed: {iteration.model or 'an attempt'} declined before any output and another model took over"
    return "not billed: refused before any output" if unheard else None
