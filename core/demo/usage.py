"""How many tokens the answers of a conversation use, and how long they take."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from core.demo.cast import DemoAgent
from core.estimates import estimate

_KEPT = {"none": timedelta(0), "5m": timedelta(minutes=5), "1h": timedelta(hours=1)}
_LONGEST_ANSWER = 6_000


@dataclass(frozen=True, slots=True)
class Used:
    """``json`` is what the provider reports; times are in milliseconds from the request on."""

    json: dict[str, Any]
    prompt: int
    first_token_ms: int
    duration_ms: int


class Context:
    """All that was said so far, and how much of it the cache saw when."""

    def __init__(self, agent: DemoAgent, random: Random) -> None:
        self._agent, self._random = agent, random
        self._tokens = agent.prompt_tokens
        self._cached, self._cached_at = 0, datetime.min.replace(tzinfo=UTC)

    def ask(self, question: str, at: datetime) -> Used:
        """Return what an answer to the question uses; the conversation grows by both."""
        new = estimate(question, self._agent.models[0]).central + self._pasted()
        prompt = self._prompt(new, at)
        thinking, answer = self._thinking(), self._drawn(self._agent.answer_tokens)
        searches = self._random.randint(1, 3) if self._random.random() < self._agent.searches else 0
        prompt["input_tokens"] += sum(self._random.randint(1_400, 3_800) for _ in range(searches))
        self._tokens += new + answer
        output = {"output_tokens": thinking + answer, "output_tokens_details": {"thinking_tokens": thinking}}
        tools = {"server_tool_use": {"web_search_requests": searches}} if searches else {}
        return self._timed({**prompt, **output, **tools, "service_tier": "standard"}, thinking, answer, searches)

    def _pasted(self) -> int:
        """Return a document now and then, most often with the first question."""
        if self._agent.paste_tokens and self._random.random() < (0.15 if self._cached else 0.8):
            return self._drawn(self._agent.paste_tokens)
        return self._random.randint(6, 60)

    def _prompt(self, new: int, at: datetime) -> dict[str, Any]:
        kept = _KEPT[self._agent.cache]
        if not kept:
            return {"input_tokens": self._tokens + new}
        read = self._cached if at - self._cached_at < kept else 0
        self._cached, self._cached_at = self._tokens + new, at
        written = self._cached - read
        return {
            "input_tokens": self._random.randint(3, 12),
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written,
            "cache_creation": {
                "ephemeral_5m_input_tokens": written if self._agent.cache == "5m" else 0,
                "ephemeral_1h_input_tokens": written if self._agent.cache == "1h" else 0,
            },
        }

    def _thinking(self) -> int:
        usual = self._agent.thinking_tokens
        return self._drawn(usual) if usual and self._random.random() < 0.75 else 0

    def _drawn(self, usual: int) -> int:
        return min(12 + int(usual * self._random.lognormvariate(0, 0.55)), max(_LONGEST_ANSWER, 3 * usual))

    def _timed(self, usage: dict[str, Any], thinking: int, answer: int, searches: int) -> Used:
        read = usage.get("cache_read_input_tokens", 0)
        fresh = usage["input_tokens"] + usage.get("cache_creation_input_tokens", 0)
        speed = self._agent.tokens_a_second * self._random.uniform(0.85, 1.15) / 1_000
        first = 320 + self._random.randint(0, 260) + fresh // 14 + read // 120 + 1_500 * searches + thinking / speed
        return Used(usage, read + fresh, int(first), int(first + answer / speed))
