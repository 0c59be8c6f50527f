"""Figures as people read them: exact where they are exact, marked where they are not, never zero for unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import CostSoFar
from core.usage import Usage
from pages.parts.figures import exact, money, same_length, seconds, so_far, token_rows, tokens, usd

_counts = st.integers(0, 10**9)
_usages = st.builds(Usage, _counts, _counts, _counts, _counts, _counts, st.just(0), st.integers(0, 50))


@pytest.mark.parametrize("basis", ["computed", "estimated", "unpriced", None])
def test_an_unknown_cost_is_no_figure(basis: str | None) -> None:
    assert money(None, basis) == "cost unknown"
    assert exact(None) == "unknown"


@given(st.integers(0, 10**15), st.sampled_from(("computed", "estimated", None)))
def test_an_estimate_and_only_an_estimate_says_so(nanos: int, basis: str | None) -> None:
    shown = money(nanos, basis)
    assert shown.startswith("≈ ") is (basis == "estimated")
    assert shown.removeprefix("≈ ").startswith(r"\$")


@given(st.lists(st.integers(0, 10**15)))
def test_amounts_that_are_sorted_as_text_are_sorted_right(amounts: list[int]) -> None:
    shown = same_length(map(usd, amounts))
    assert sorted(shown) == [shown[amounts.index(amount)] for amount in sorted(amounts)]


@given(st.integers(0, 10**15))
def test_the_exact_cost_is_every_nano_dollar(nanos: int) -> None:
    dollars, decimals = exact(nanos).removeprefix(r"\$").split(".")
    assert int(dollars) * 10**9 + int(decimals) == nanos
    assert len(decimals) == 9


def test_the_line_beside_a_growing_answer_calls_its_cost_an_estimate() -> None:
    line = so_far(CostSoFar(Usage(input=1_200, cache_read=300, output=45), 1_234_000, 420))
    assert line == r"**≈ \$0.001234** so far (estimate) · 1,500 in · 300 cached · 45 out · first token 420 ms"
    assert (
        so_far(CostSoFar(Usage(input=7), None, None))
        == "**cost unknown** so far (estimate) · 7 in · 0 out · waiting for the first token …"
    )
    assert so_far(None) == "Waiting for the first token …"


@given(_usages)
def test_every_token_is_in_one_row(usage: Usage) -> None:
    rows = dict(token_rows(usage))
    assert (
        sum(count for name, count in rows.items() if name not in ("of which thinking", "Web searches")) == usage.total
    )
    assert rows.get("Web searches", 0) == usage.web_searches
    assert all(rows.values())


def test_the_prompt_counts_what_the_cache_held() -> None:
    assert tokens(Usage(input=10, cache_write_5m=5, cache_read=1_000, output=2)) == "1,015 in · 1,000 cached · 2 out"
    assert tokens(Usage(input=10, output=2)) == "10 in · 2 out"


@pytest.mark.parametrize(("milliseconds", "shown"), [(None, "–"), (0, "0 ms"), (999, "999 ms"), (1_250, "1.2 s")])
def test_times_are_short(milliseconds: int | None, shown: str) -> None:
    assert seconds(milliseconds) == shown
