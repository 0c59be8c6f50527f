"""The stand-in tokenizer."""

from hypothesis import given
from hypothesis import strategies as st

from core.provider.simulator.tokens import count_block, count_tokens, split_tokens

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
