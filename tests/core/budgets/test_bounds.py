"""What a call may cost: never less than it does, and as a rule."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.budgets.bounds import LEAST_TYPICAL, Asked, Bounds, most_apiece, most_read, runs_code, typical_replies
from core.estimates import Estimate
from core.provider.anthropic.own_tools import definitions as provider_tools
from core.provider.models import find_model
from core.store.database import Store
from core.store.demo import DEMO_SOURCE
from tests.core.books.histories import AT, BOOK, MODEL, a_call, a_finish, a_reply, an_end
from tests.core.books.in_store import finished, opened

SEARCHING = provider_tools(("web_search", "web_fetch"), MODEL)
MODELS = sorted(BOOK.models)
SPLITS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
TOOLS = st.lists(st.sampled_from(["web_search", "web_fetch", "code_execution"]), unique=True)
TERMS = st.fixed_dictionaries(
    {},
    optional={field: st.sampled_from(sorted(values)) for field, values in BOOK.multipliers.items()},
)


@st.composite
def asked_and_used(draw: st.DrawFn) -> tuple[Asked, dict[str, Any]]:
    """A request, and what a reply to it may have used by its terms: nothing of it is told by our own bounds."""
    model, names = draw(st.sampled_from(MODELS)), draw(TOOLS)
    upper, most = draw(st.integers(0, 900_000)), draw(st.integers(1, 128_000))
    tools = provider_tools(names, model)
    asked = Asked(
        model, Estimate(draw(st.integers(0, upper)), upper), most, most_apiece(tools), most_read(tools, model)
    )
    known = find_model(model)
    # Each time that the model goes on it reads a prompt that fits its window, at most ten times.
    prompts = draw(st.lists(st.integers(0, known.context_window), max_size=10)) if tools and known else []
    read = draw(st.integers(0, max(upper, sum(prompts))))
    cut = sorted(draw(st.tuples(st.integers(0, read), st.integers(0, read))))
    usage: dict[str, Any] = dict(zip(SPLITS, (cut[0], cut[1] - cut[0], read - cut[1]), strict=True))
    usage |= {"output_tokens": draw(st.integers(0, most)), **draw(TERMS)}
    if "web_search" in names and tools:
        usage["server_tool_use"] = {"web_search_requests": draw(st.integers(0, 5))}
    return asked, usage


@settings(max_examples=400)
@given(asked_and_used(), st.datetimes(datetime(2026, 6, 1), datetime(2026, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a1_no_reply_costs_more_than_its_strict_bound_wherever_it_ran(
    both: tuple[Asked, dict[str, Any]], at: datetime
) -> None:
    asked, usage = both
    bound = Bounds(None, BOOK).of(asked, at)  # type: ignore[arg-type]
    cost = BOOK.price_usage(asked.model, usage, at).total
    if bound.most is None:
        assert cost is None or not any(usage.get(name) for name in (*SPLITS, "output_tokens"))
        return
    assert bound.typical is not None
    assert cost is None or cost <= bound.most
    assert bound.typical <= bound.most


def test_a1_what_the_region_and_the_tools_of_the_provider_add_is_held() -> None:
    plain = Asked("claude-sonnet-5-5", Estimate(500, 1_000), 1_000)
    held = Bounds(None, BOOK).of(plain, AT).most  # type: ignore[arg-type]
    us = {"input_tokens": 0, "cache_creation_input_tokens": 1_000, "output_tokens": 1_000, "inference_geo": "us"}
    assert held is not None
    assert 0 <= held - (BOOK.price_usage(plain.model, us, AT).total or 0) <= 2
    assert most_read(SEARCHING, MODEL) == 10_000_000
    assert most_read(provider_tools(("web_search",), "claude-haiku-4-5"), "claude-haiku-4-5") == 2_000_000
    ours = [{"name": "calculator", "description": "", "input_schema": {}}]
    assert (most_read(ours, MODEL), most_read([], MODEL), runs_code(ours)) == (None, None, False)
    assert runs_code(provider_tools(("code_execution",), MODEL))


def said(store: Store, ids: tuple[str, str], output: int, **changes: Any) -> None:
    opening = opened(store, ids, **changes)
    reply = a_reply("Much.", {"input_tokens": 10, "output_tokens": output})
    finished(store, a_finish(opening, an_end(a_call(opening, reply=reply), "completed"), "completed", reply))


def test_e4_typical_is_what_99_of_100_replies_here_stay_under(store: Store, ids: tuple[str, str]) -> None:
    for place in range(99):
        said(store, ids, 2_000 + place)
    said(store, ids, 100_000)
    said(store, ids, 500_000, source=DEMO_SOURCE)
    said(store, ids, 20, model="claude-haiku-4-5")
    with store.read() as connection:
        found = typical_replies(connection)
    assert found == {MODEL: 2_098, "claude-haiku-4-5": LEAST_TYPICAL}
    bounds = Bounds(store, BOOK)
    asked = Asked(MODEL, Estimate(100, 100), 32_000)
    assert bounds.of(asked, AT).typical == bounds.of(asked, AT).most, "nothing is known before it is read"
    bounds.refresh()
    bound = bounds.of(asked, AT + timedelta(seconds=1))
    assert bound.most is not None
    assert bound.typical == bound.most - (32_000 - 2_098) * 22_000
