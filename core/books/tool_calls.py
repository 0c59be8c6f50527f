"""Calls of tools as the books keep them: what went in and came out, cut to a length that can be looked at."""

import json
from datetime import datetime

from core.books.values import ToolCall as ToolStep
from core.clock import new_id
from core.provider.blocks import ToolCall

LONGEST_KEPT = 20_000


def new_tool(call: ToolCall, iteration: int, at: datetime) -> ToolStep:
    """Return a call about to be made, or one that never will be."""
    given = json.dumps(call.input, ensure_ascii=False)
    return ToolStep(new_id(), call.id, call.name, cut(given), iteration, at)


def cut(text: str) -> str:
    return text if len(text) <= LONGEST_KEPT else text[:LONGEST_KEPT] + "…"
