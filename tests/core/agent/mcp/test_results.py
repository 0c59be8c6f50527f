"""Results as text: every block has its place, and of what is no text the model learns the size."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.types import (
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from core.agent.mcp.results import text_of
from core.errors import ToolError


def text(of: str) -> TextContent:
    return TextContent(text=of)


@given(st.lists(st.text()))
def test_texts_are_joined_by_lines(texts: list[str]) -> None:
    assert text_of(CallToolResult(content=[text(one) for one in texts])) == "\n".join(texts)


@given(st.binary())
def test_the_size_is_that_of_the_data(data: bytes) -> None:
    image = ImageContent(data=base64.b64encode(data).decode(), mime_type="image/png")
    assert text_of(CallToolResult(content=[image])) == f"[image/png, {len(data):,} bytes, not shown]"


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (EmbeddedResource(resource=TextResourceContents(uri="file:///a", text="words")), "file:///a: words"),
        (
            EmbeddedResource(resource=BlobResourceContents(uri="file:///a", blob="AAAA")),
            "file:///a: [binary data, 3 bytes, not shown]",
        ),
        (ResourceLink(name="a", uri="file:///a"), "[Link to a: file:///a]"),
    ],
)
def test_a_resource_is_named(block: ContentBlock, said: str) -> None:
    assert text_of(CallToolResult(content=[text("first"), block])) == f"first\n{said}"


def test_data_without_text_is_given_as_json() -> None:
    assert text_of(CallToolResult(content=[], structured_content={"ä": [1]})) == '{"ä": [1]}'


@pytest.mark.parametrize(("content", "said"), [([text("no such day")], "no such day"), ([], "did not say why")])
def test_a_failure_is_raised_with_its_words(content: list[ContentBlock], said: str) -> None:
    with pytest.raises(ToolError, match=said):
        text_of(CallToolResult(content=content, is_error=True))
