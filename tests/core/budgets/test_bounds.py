"""What a call may cost: never less than it does, and as a rule."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.agent.tools.catalogue import provider_tools
from core.budgets.bounds import LEAST_TYPICAL, Asked, Bounds, most_found, most_searches, typical_replies
from core.estimates import Estimate
from core.store.database import Store
from core.store.demo import DEMO_SOURCE
from tests.core.tracing.histories import AT, BOOK, MODEL, a_finish, a_reply, an_attempt, an_end
from tests.core.tracing.in_store import finished, opened

COUNTS = st.integers(0, 200_000)
SEARCHING = provider_tools(("web_search", "web_fetch"), MODEL)


@given(COUNTS, COUNTS, st.integers(0, 5), st.integers(0, 3))
def test_e4_no_reply_costs_more_than_its_strict_bound(prompt: int, output: int, searches: int, kind: int) -> None:
    asked = Asked(MODEL, Estimate(prompt // 2, prompt), output, most_searches(SEARCHING), most_found(SEARCHING))
    bound = Bounds(None, BOOK).of(asked, AT)  # type: ignore[arg-type]
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    read = prompt + searches * 10_000
    usage: dict[str, Any] = {names[kind % 3]: read, "output_tokens": output}
    usage |= {"input_tokens": usage.get("input_tokens", 0), "server_tool_use": {"web_search_requests": searches}}
    cost = BOOK.price_usage(MODEL, usage, AT).total
    assert cost is not None
    assert bound.most is not None
    assert bound.typical is not None
    assert cost <= bound.most
    assert bound.typical <= bound.most


def said(store: Store, ids: tuple[str, str], output: int, **changes: Any) -> None:
    opening = opened(store, ids, **changes)
    reply = a_reply("Much.", {"input_tokens": 10, "output_tokens": output})
    finished(store, a_finish(opening, an_end(an_attempt(opening, reply=reply), "completed"), "completed", reply))


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
    assert bound.typical == bound.most - (32_000 - 2_098) * 20_000
