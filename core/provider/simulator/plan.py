"""Deciding an answer before its first byte: its text, thinking, length, usage and tempo."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeAlias

from core.provider.models import Model
from core.provider.simulator.answers import answer_tokens, seeded, thinking_tokens, topic_of
from core.provider.simulator.brain import choose
from core.provider.simulator.directives import Orders
from core.provider.simulator.events import AnswerPlan, PlannedCall, Tempo
from core.provider.simulator.prompt_cache import PromptTokens
from core.provider.simulator.reports import report
from core.provider.simulator.searches import PlannedSearch, is_search, pages_about, report_of, wanted_searches
from core.provider.simulator.signatures import sign_thinking
from core.provider.simulator.talk import Talk
from core.provider.simulator.tokens import split_tokens

_FIRST_TOKEN_SECONDS = 0.4
_TOKEN_SECONDS = (0.010, 0.030)
_THINKING_TOKENS = (30, 90)
_SHOWN_BY_DEFAULT = ("budget", "optional")
_ANNOUNCEMENTS = ("Let me look that up.", "I will check that.", "One moment, I will find out.")
_OMITTED_FROM = ("claude-opus-4-7", "claude-opus-4-8")


_Done: TypeAlias = tuple[list[PlannedCall], list[PlannedSearch]]


@dataclass(frozen=True, slots=True)
class Draft:
    """What an answer is made from beside the orders."""

    talk: Talk
    digest: str
    prompt: PromptTokens

    @property
    def question(self) -> str:
        return self.talk.question


def plan_answer(body: dict[str, Any], model: Model, orders: Orders, draft: Draft) -> AnswerPlan:
    room = body["max_tokens"]
    calls = [] if orders.refusal is not None else _calls(body, model, orders, draft)
    searches = _searches(body, model, orders, draft)
    room -= sum(len(each.pieces) for each in searches)
    thinking = [] if orders.refusal == 0 else _thinking(body, model, orders, draft)[:room]
    text = _text(orders, room, model, draft, (calls, searches))
    stop_reason = _stop_reason(orders, draft, calls)
    if orders.refusal is not None:
        text, stop_reason = text[: orders.refusal], "refusal"
    if len(thinking) + len(text) > room:
        text, calls, stop_reason = text[: room - len(thinking)], [], "max_tokens"
    kept = _within_room(calls, room - len(thinking) - len(text))
    shown = _thinking_shown(body, model)
    return AnswerPlan(
        message_id=f"msg_sim{draft.digest[20:40]}",
        model=model.wire_id,
        usage=_usage(model, orders, draft.prompt),
        thinking=tuple(thinking),
        thinking_shown=shown,
        signature=sign_thinking("".join(thinking) if shown else "", draft.digest),
        text=tuple(text),
        stop_reason=stop_reason if kept == calls else "max_tokens",
        message_deltas=orders.deltas,
        calls=tuple(kept),
        searches=tuple(searches),
        read=sum(each.tokens_read(model.id) for each in searches),
    )


def _calls(body: dict[str, Any], model: Model, orders: Orders, draft: Draft) -> list[PlannedCall]:
    if orders.stop == "pause_turn" and draft.talk.paused is None:
        query = json.dumps({"query": topic_of(draft.question)})
        return [PlannedCall(f"srvtoolu_sim{draft.digest[:18]}", "web_search", _pieces(query, model), of_server=True)]
    tools = body.get("tools") or []
    chosen = choose(draft.talk, tools, orders) if tools else []
    ours = [call for call in chosen if call.tool not in {tool["name"] for tool in tools if is_search(tool)}]
    ids = (f"toolu_sim{draft.digest[:18]}{place:02}" for place in count())
    return [PlannedCall(next(ids), call.tool, _pieces(call.text, model)) for call in ours]


def _searches(body: dict[str, Any], model: Model, orders: Orders, draft: Draft) -> list[PlannedSearch]:
    """Those made and done within this answer, if there is room for them; one left open by a pause is done now."""
    if draft.talk.paused:
        return [PlannedSearch(draft.talk.paused, (), pages_about(topic_of(draft.question)))]
    if orders.refusal is not None or orders.stop == "pause_turn":
        return []
    wanted = wanted_searches(draft.talk, body.get("tools") or [], orders)
    ids = (f"srvtoolu_sim{draft.digest[:16]}{place:02}" for place in count())
    searches = [PlannedSearch(next(ids), _pieces(text, model), pages_about(topic)) for text, topic in wanted]
    return searches if sum(len(each.pieces) for each in searches) < body["max_tokens"] else []


def _pieces(text: str, model: Model) -> tuple[str, ...]:
    return tuple(split_tokens(text, model.id))


def _within_room(calls: list[PlannedCall], room: int) -> list[PlannedCall]:
    """The calls as far as there is room: the last one may lack the end of its input."""
    kept = list[PlannedCall]()
    for call in calls:
        if room <= 0:
            break
        kept.append(replace(call, pieces=call.pieces[:room]))
        room -= len(call.pieces)
    return kept


def _text(orders: Orders, room: int, model: Model, draft: Draft, done: _Done) -> list[str]:
    calls, searches = done
    if calls and not calls[0].of_server:
        return split_tokens(seeded(draft.digest).choice(_ANNOUNCEMENTS), model.id)
    unordered = orders.say is None and orders.tokens is None and orders.shape is None
    if draft.talk.results and unordered:
        return split_tokens(report(draft.talk.results), model.id)
    if searches and unordered:
        return split_tokens(report_of(searches), model.id)
    return answer_tokens(draft.question, _within(orders, room), model.id, draft.digest)


def _stop_reason(orders: Orders, draft: Draft, calls: list[PlannedCall]) -> str:
    if calls:
        return "pause_turn" if calls[0].of_server else "tool_use"
    return "end_turn" if orders.stop is None or draft.talk.paused else orders.stop


def _within(orders: Orders, room: int) -> Orders:
    """An answer that was ordered far too long is not written much further than it can be sent."""
    return orders if orders.tokens is None else replace(orders, tokens=min(orders.tokens, room + 1))


def _usage(model: Model, orders: Orders, prompt: PromptTokens) -> dict[str, Any]:
    return {
        **prompt.as_usage(),
        "service_tier": "standard",
        "inference_geo": "not_available" if model.thinking == "budget" else "global",
        "server_tool_use": None,
        **orders.usage,
    }


def _thinking(body: dict[str, Any], model: Model, orders: Orders, draft: Draft) -> list[str]:
    length = orders.think
    if length is None:
        if not _thinks(body, model):
            return []
        length = seeded(draft.digest).randint(*_THINKING_TOKENS)
    return thinking_tokens(draft.question, length, model.id, draft.digest)


def _thinks(body: dict[str, Any], model: Model) -> bool:
    kind = (body.get("thinking") or {}).get("type")
    return kind in ("adaptive", "enabled") or (
        kind is None and model.thinking in ("default", "between_tools", "always")
    )


def _thinking_shown(body: dict[str, Any], model: Model) -> bool:
    """Whether the thinking's text is sent; from Opus 4.7 on only when it is asked for."""
    display = (body.get("thinking") or {}).get("display")
    if display is not None:
        return bool(display == "summarized")
    return model.thinking in _SHOWN_BY_DEFAULT and model.id not in _OMITTED_FROM


def tempo(orders: Orders, pace: float, seed: str) -> Tempo:
    """An ordered rate or first token is meant in real seconds; the rest follows the simulator's pace."""
    rng, pace = seeded(seed), pace * orders.pace
    first = rng.uniform(0.75, 1.25) * _FIRST_TOKEN_SECONDS * pace
    if orders.first is not None:
        first = orders.first * orders.pace
    return Tempo(first, _gaps(rng, orders, pace))


def _gaps(rng: random.Random, orders: Orders, pace: float) -> Iterator[float]:
    while True:
        yield orders.pace / orders.rate if orders.rate is not None else rng.uniform(*_TOKEN_SECONDS) * pace
