"""The stand-in tokenizer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.estimates import estimate
from core.provider.simulator.tokens import count_block, count_tokens, split_tokens
from tests.core.test_estimates import TEXTS, TRUE

ENGLISH = "The quick brown fox jumps over the lazy dog, and then it rests for a while in the shade. " * 20


@given(st.text(), st.sampled_from(["claude-opus-5-5", "claude-haiku-4-5"]))
def test_the_pieces_are_the_text(text: str, model: str) -> None:
    pieces = split_tokens(text, model)
    assert "".join(pieces) == text
    assert all(pieces)
    assert count_tokens(text, model) == len(pieces)


def test_newer_models_count_more_for_the_same_text() -> None:
    older, newer = count_tokens(ENGLISH, "claude-opus-4-6"), count_tokens(ENGLISH, "claude-opus-4-7")
    assert 1.1 < newer / older < 1.6
    assert 3 < len(ENGLISH) / newer < 5


def test_a_block_counts_all_its_text_but_not_its_marks() -> None:
    block = {
        "type": "tool_result",
        "content": [{"type": "text", "text": "a b"}],
        "cache_control": {"type": "ephemeral"},
    }
    assert count_block(block, "claude-opus-5") == 2


@pytest.mark.parametrize("kind", sorted(set(TEXTS) - {"JSON"}))
@pytest.mark.parametrize(("model", "more"), [("claude-sonnet-4-5", 1.0), ("claude-sonnet-5-5", 1.3)])
def test_a6_each_kind_of_text_is_cut_into_about_as_many_pieces_as_were_measured(
    kind: str, model: str, more: float
) -> None:
    text = TEXTS[kind] * 20
    counted, measured = count_tokens(text, model), TRUE[kind] * more * len(text)
    assert 0.79 <= counted / measured <= 1.35, kind
    found = estimate(text, model)
    assert 0.6 <= found.central / counted <= 1.5, kind
    assert counted <= found.upper


@given(
    st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("abcdeäöüÉ 012中文я")), max_size=60),
    st.integers(0, 60),
    st.sampled_from(["claude-opus-5-5", "claude-sonnet-4-6"]),
)
def test_a_text_that_is_cut_off_has_the_pieces_it_had(text: str, kept: int, model: str) -> None:
    pieces = split_tokens(text, model)
    assert "".join(pieces) == text
    assert split_tokens("".join(pieces[:kept]), model) == pieces[:kept]
