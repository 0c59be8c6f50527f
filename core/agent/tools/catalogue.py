"""The tools an agent's version may switch on by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


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
