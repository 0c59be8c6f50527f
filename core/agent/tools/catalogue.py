"""The tools an agent's version may switch on by name, and the provider's own ones as a request names them.

Read on 2026-11-21 from platform.claude.com/docs: ``agents-and-tools/tool-use/web-search-tool``, ``web-fetch-tool`` and
``code-execution-tool`` (versions, and that Claude 4.6 and later filter what they find by code of their own, for which
they need the newer versions), ``models/haiku-4-5/migration-guide`` (code execution).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from core.provider.models import find_model

_MOST_USES = 5
_MOST_TOKENS_OF_A_PAGE = 50_000


@dataclass(frozen=True, slots=True)
class ShippedTool:
    """``label`` and ``note`` are for people. ``asks_first``: each call needs approval unless an agent says otherwise.

    ``at_provider``: the provider runs it within a model call, so nobody can be asked and nothing of ours runs.
    """

    name: str
    label: str
    note: str
    asks_first: bool = False
    at_provider: bool = False


CATALOGUE: Mapping[str, ShippedTool] = MappingProxyType(
    {
        tool.name: tool
        for tool in (
            ShippedTool("calculator", "Calculator", "Exact arithmetic in decimals."),
            ShippedTool("current_time", "Date and time", "Today's date and the time, in any time zone."),
            ShippedTool(
                "fetch_url",
                "Read a web page",
                "Reads public pages from this machine. An address can carry data out, so each call is approved.",
                asks_first=True,
            ),
            ShippedTool("query_costs", "Costs", "Looks up spend, as far as the person who asks may see it."),
            ShippedTool(
                "web_search",
                "Web search (Anthropic)",
                "Searches the web at Anthropic: $10 for 1,000 searches, and the tokens of what is found.",
                at_provider=True,
            ),
            ShippedTool(
                "web_fetch",
                "Web fetch (Anthropic)",
                "Reads pages and PDFs at Anthropic, for the tokens of what is read.",
                at_provider=True,
            ),
            ShippedTool(
                "code_execution",
                "Code execution (Anthropic)",
                "Runs code in a container at Anthropic. Its hours cost extra and no reply says how many they were.",
                at_provider=True,
            ),
        )
    }
)

# Models that take only what came before filtering by code.
_BEFORE_FILTERING = frozenset({"claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"})
_SEARCH_LIMITS = {"max_uses": _MOST_USES}
_FETCH_LIMITS = {**_SEARCH_LIMITS, "max_content_tokens": _MOST_TOKENS_OF_A_PAGE}


def provider_tools(names: Iterable[str], model_id: str) -> list[dict[str, Any]]:
    """Return the definitions of those names that the provider runs, in the version this model takes.

    None for a model that is not in the catalogue of models: which version it takes is not known.
    """
    model = find_model(model_id)
    if model is None:
        return []
    basic = model.id in _BEFORE_FILTERING
    known: dict[str, dict[str, Any]] = {
        "web_search": {"type": "web_search_20250305" if basic else "web_search_20260318", **_SEARCH_LIMITS},
        "web_fetch": {"type": "web_fetch_20250910" if basic else "web_fetch_20260318", **_FETCH_LIMITS},
        "code_execution": {"type": "code_execution_20250825"},
    }
    return [{**known[name], "name": name} for name in names if name in known]
