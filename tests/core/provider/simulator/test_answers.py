"""What the simulated model says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from core.provider.simulator.answers import answer_tokens, thinking_tokens, topic_of
from core.provider.simulator.directives import Orders, Shape

MODEL = "claude-sonnet-5-5"
SHAPES: list[Shape] = ["rich", "plain", "code", "table", "list"]


@given(st.integers(0, 3_000), st.sampled_from(SHAPES), st.text(max_size=5))
def test_an_ordered_length_is_met_exactly(length: int, shape: Shape, seed: str) -> None:
    assert len(answer_tokens("Why tea?", Orders(tokens=length, shape=shape), MODEL, seed)) == length


@pytest.mark.parametrize(
    ("shape", "block"),
    [("code", "fence"), ("table", "table_open"), ("list", "ordered_list_open"), ("plain", "paragraph_open")],
)
@pytest.mark.parametrize("length", [None, 5_000])
def test_a_lone_form_is_one_markdown_block(shape: Shape, block: str, length: int | None) -> None:
    answer = "".join(answer_tokens("Why tea?", Orders(tokens=length, shape=shape), MODEL, "seed"))
    parsed = MarkdownIt().enable("table").parse(answer)
    top = {token.type for token in parsed if token.level == 0 and token.nesting >= 0}
    assert top == {block}
    if shape == "code":
        assert answer.endswith("\n```")


def test_a_rich_answer_fits_the_question_a_little() -> None:
    answer = "".join(answer_tokens("How do I brew green tea?", Orders(), MODEL, "seed"))
    kinds = {token.type for token in MarkdownIt().enable("table").parse(answer)}
    assert answer.count("brew green tea") >= 3
    assert {"heading_open", "paragraph_open"} < kinds


def test_questions_and_seeds_change_the_answer_and_nothing_else_does() -> None:
    first = answer_tokens("Why tea?", Orders(), MODEL, "1")
    assert first == answer_tokens("Why tea?", Orders(), MODEL, "1")
    assert first != answer_tokens("Why tea?", Orders(), MODEL, "2")
    assert first != answer_tokens("Why coffee?", Orders(), MODEL, "1")


def test_rich_answers_use_every_form_over_time() -> None:
    answers = ("".join(answer_tokens("Why tea?", Orders(), MODEL, str(seed))) for seed in range(40))
    kinds = {token.type for answer in answers for token in MarkdownIt().enable("table").parse(answer)}
    assert {"fence", "table_open", "bullet_list_open", "ordered_list_open", "heading_open"} < kinds


def test_thinking_has_the_ordered_length() -> None:
    assert len(thinking_tokens("Why tea?", 77, MODEL, "seed")) == 77


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("How do I brew coffee?", "brew coffee"),
        ("hi", "this"),
        ("[[tokens: 9]] Löwen {zoo}", "löwen zoo"),
        ("", "this"),
    ],
)
def test_the_topic_is_what_the_question_is_about(question: str, topic: str) -> None:
    assert topic_of(question) == topic
