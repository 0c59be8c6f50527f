"""The catalogue names real tools, and the provider's own ones are asked for as its SDK knows them."""

from typing import Any, get_args, get_type_hints

import pytest
from anthropic.types import (
    CodeExecutionTool20250825Param,
    WebFetchTool20250910Param,
    WebFetchTool20260318Param,
    WebSearchTool20250305Param,
    WebSearchTool20260318Param,
)
from pydantic import TypeAdapter

from core.agent.tools.catalogue import CATALOGUE
from core.provider.anthropic.own_tools import definitions as provider_tools
from core.provider.models import MODELS

KINDS: list[Any] = [
    CodeExecutionTool20250825Param,
    WebFetchTool20250910Param,
    WebFetchTool20260318Param,
    WebSearchTool20250305Param,
    WebSearchTool20260318Param,
]


def _type(kind: Any) -> str:
    """The one value that its ``type`` may have."""
    return str(get_args(get_type_hints(kind)["type"])[0])


BY_TYPE = {_type(kind): kind for kind in KINDS}
AT_PROVIDER = [tool.name for tool in CATALOGUE.values() if tool.at_provider]


@pytest.mark.parametrize("model", [model.id for model in MODELS])
def test_every_model_gets_definitions_that_the_sdk_knows(model: str) -> None:
    tools = provider_tools(CATALOGUE, model)
    assert [tool["name"] for tool in tools] == AT_PROVIDER
    for tool in tools:
        kind = BY_TYPE[tool["type"]]
        assert TypeAdapter(kind).validate_python(tool, strict=True) == tool
        assert set(tool) <= set(get_type_hints(kind))


@pytest.mark.parametrize(
    ("model", "search", "fetch"),
    [
        ("claude-sonnet-4-5-20250929", "web_search_20250305", "web_fetch_20250910"),
        ("claude-haiku-4-5", "web_search_20250305", "web_fetch_20250910"),
        ("claude-opus-4-6", "web_search_20260318", "web_fetch_20260318"),
        ("claude-opus-5-5", "web_search_20260318", "web_fetch_20260318"),
        ("claude-haiku-5-5", "web_search_20260318", "web_fetch_20260318"),
    ],
)
def test_a_model_gets_the_newest_version_it_takes(model: str, search: str, fetch: str) -> None:
    assert [tool["type"] for tool in provider_tools(["web_search", "web_fetch"], model)] == [search, fetch]


def test_only_what_is_switched_on_is_asked_for_and_it_is_bounded() -> None:
    [search] = provider_tools(["calculator", "web_search", "no-such-tool"], "claude-opus-5-5")
    assert search["max_uses"] == 5


def test_a_model_that_nobody_knows_gets_none() -> None:
    assert provider_tools(CATALOGUE, "nobody-knows-1") == []


def test_only_what_reaches_out_from_here_asks_first() -> None:
    assert [tool.name for tool in CATALOGUE.values() if tool.asks_first] == ["fetch_url"]
