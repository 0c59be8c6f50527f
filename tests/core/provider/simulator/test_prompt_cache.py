"""The prompt cache's figures."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.provider.simulator.prompt_cache import PromptCache, PromptTokens, prompt_positions

MODEL = "claude-sonnet-5-5"
FIVE_MINUTES: dict[str, Any] = {"type": "ephemeral"}
ONE_HOUR = {"type": "ephemeral", "ttl": "1h"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def words(count: int) -> str:
    """A text of so many tokens."""
    return "tea" + " tea" * (count - 1)


def part(count: int, mark: dict[str, Any] | None = None, word: str = "tea") -> dict[str, Any]:
    plain = {"type": "text", "text": words(count).replace("tea", word)}
    return {**plain, "cache_control": mark} if mark else plain


def prompt(*system: dict[str, Any], ask: int = 10, **fields: Any) -> dict[str, Any]:
    """A request whose message costs 4 tokens beside its text."""
    return {"system": list(system), "messages": [{"role": "user", "content": words(ask - 4)}], **fields}


def counted(cache: PromptCache, body: dict[str, Any], minimum: int = 512, model: str = MODEL) -> PromptTokens:
    return cache.count(prompt_positions(body, model), minimum)


def test_without_breakpoints_all_is_input() -> None:
    assert counted(PromptCache(), prompt(part(600))) == PromptTokens(610, 0, 0, 0)


@pytest.mark.parametrize(("mark", "written"), [(FIVE_MINUTES, (600, 0)), (ONE_HOUR, (0, 600))])
def test_a_prefix_is_written_once_and_then_read(mark: dict[str, Any], written: tuple[int, int]) -> None:
    cache = PromptCache()
    assert counted(cache, prompt(part(600, mark))) == PromptTokens(10, 0, *written)
    assert counted(cache, prompt(part(600, mark), ask=30)) == PromptTokens(30, 600, 0, 0)


@pytest.mark.parametrize(("size", "written"), [(511, 0), (512, 512)])
def test_below_the_minimum_nothing_is_cached(size: int, written: int) -> None:
    cache = PromptCache()
    assert counted(cache, prompt(part(size, FIVE_MINUTES))).cache_write_5m == written
    assert counted(cache, prompt(part(size, FIVE_MINUTES))).cache_read == written


@pytest.mark.parametrize(("mark", "lifetime"), [(FIVE_MINUTES, 300), (ONE_HOUR, 3_600)])
def test_a_prefix_expires_unless_it_is_read(mark: dict[str, Any], lifetime: int) -> None:
    clock = Clock()
    cache = PromptCache(clock)
    counted(cache, prompt(part(600, mark)))
    for _ in range(3):
        clock.now += lifetime - 1
        assert counted(cache, prompt(part(600, mark))).cache_read == 600
    clock.now += lifetime
    assert counted(cache, prompt(part(600, mark))).cache_read == 0


def test_a_growing_conversation_reads_the_old_and_writes_the_new() -> None:
    cache = PromptCache()
    first = [{"role": "user", "content": [part(700, FIVE_MINUTES)]}]
    later = [
        *first,
        {"role": "assistant", "content": [part(100)]},
        {"role": "user", "content": [part(50, FIVE_MINUTES)]},
    ]
    assert counted(cache, {"messages": first}) == PromptTokens(0, 0, 704, 0)
    assert counted(cache, {"messages": later}) == PromptTokens(0, 704, 158, 0)


def test_both_lifetimes_are_told_apart() -> None:
    body = prompt(part(600, ONE_HOUR), part(200, FIVE_MINUTES), ask=20)
    assert counted(PromptCache(), body) == PromptTokens(20, 0, 200, 600)


@pytest.mark.parametrize(
    "other",
    [
        prompt(part(600, FIVE_MINUTES, word="oat")),
        prompt(part(600, FIVE_MINUTES), thinking={"type": "adaptive"}),
        prompt(part(600, FIVE_MINUTES), tools=[{"name": "weather"}]),
    ],
    ids=["text", "thinking", "tools"],
)
def test_another_prefix_is_not_read(other: dict[str, Any]) -> None:
    cache = PromptCache()
    counted(cache, prompt(part(600, FIVE_MINUTES)))
    assert counted(cache, other).cache_read == 0


def test_another_model_does_not_share_the_cache() -> None:
    cache = PromptCache()
    counted(cache, prompt(part(600, FIVE_MINUTES)))
    assert counted(cache, prompt(part(600, FIVE_MINUTES)), model="claude-opus-5-5").cache_read == 0


@pytest.mark.parametrize(("between", "read"), [(18, 604), (25, 0)])
def test_a_breakpoint_looks_back_twenty_blocks(between: int, read: int) -> None:
    cache = PromptCache()
    first = {"role": "user", "content": [part(600, FIVE_MINUTES)]}
    counted(cache, {"messages": [first]})
    more = [part(1) for _ in range(between)]
    grown = {"role": "user", "content": [part(600), *more, part(1, FIVE_MINUTES)]}
    assert counted(cache, {"messages": [grown]}).cache_read == read


def test_a_cache_control_of_the_request_marks_the_last_block() -> None:
    cache = PromptCache()
    assert counted(cache, prompt(part(600), cache_control=FIVE_MINUTES)) == PromptTokens(0, 0, 610, 0)
    assert counted(cache, prompt(part(600), cache_control=FIVE_MINUTES)) == PromptTokens(0, 610, 0, 0)


MARKS = st.lists(st.tuples(st.integers(1, 900), st.booleans()), min_size=1, max_size=5)


@given(st.lists(MARKS, min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_every_token_is_counted_exactly_once(prompts: list[list[tuple[int, bool]]]) -> None:
    cache = PromptCache()
    for blocks in prompts:
        body = prompt(*(part(size, FIVE_MINUTES if marked else None) for size, marked in blocks), ask=10)
        tokens = counted(cache, body)
        assert tokens.total == sum(size for size, _ in blocks) + 10
        assert min(tokens.input, tokens.cache_read, tokens.cache_write_5m) >= 0
        assert counted(cache, body).cache_write_5m == 0
