"""The provider's own web search as the simulated model uses it: made-up pages, found within the answer."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.provider.simulator.answers import topic_of
from core.provider.simulator.directives import Orders, without_orders
from core.provider.simulator.talk import Talk
from core.provider.simulator.tokens import count_block

SEARCH = "web_search"
_PAGES = 3
_WISH = re.compile(
    r"\b(search the web|web search|on the web|look \w+ up online|latest news|in the news)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class PlannedSearch:
    """``pieces`` are those of its input's JSON; none for a search that was left open when the answer paused."""

    id: str
    pieces: tuple[str, ...]
    found: tuple[dict[str, Any], ...]

    def tokens_read(self, model: str) -> int:
        """Of what it found, which the model reads within the same answer."""
        return sum(count_block(page, model) for page in self.found)


def wanted_searches(talk: Talk, tools: Iterable[Mapping[str, Any]], orders: Orders) -> list[tuple[str, str]]:
    """The input's JSON and the topic of each search to make now: those ordered, else one if the question wants it."""
    if talk.rounds or not any(is_search(tool) for tool in tools):
        return []
    question = without_orders(talk.question)
    wanted = [call.text for call in (orders.calls[0] if orders.calls else []) if call.tool == SEARCH]
    if not orders.calls and _WISH.search(question):
        wanted = [json.dumps({"query": topic_of(question)})]
    return [(text, _query(text, question)) for text in wanted]


def is_search(tool: Mapping[str, Any]) -> bool:
    return tool.get("name") == SEARCH and str(tool.get("type", "")).startswith(f"{SEARCH}_")


def pages_about(topic: str) -> tuple[dict[str, Any], ...]:
    slug = re.sub(r"\W+", "-", topic.lower(), flags=re.ASCII).strip("-") or "it"
    return tuple(
        {
            "type": "web_search_result",
            "url": f"https://example.com/{slug}/{number}",
            "title": f"{topic[:1].upper()}{topic[1:]}, part {number}",
            "encrypted_content": f"sim:{slug}:{number} " * 20,
            "page_age": None,
        }
        for number in range(1, _PAGES + 1)
    )


def report_of(searches: Sequence[PlannedSearch]) -> str:
    """What the model says of the pages."""
    pages = {page["url"]: page["title"] for each in searches for page in each.found}
    listed = "\n".join(f"- [{title}]({url})" for url, title in pages.items())
    return f"The web search found **{len(pages)}** pages:\n\n{listed}"


def _query(text: str, question: str) -> str:
    try:
        return str(json.loads(text)["query"])
    except (ValueError, LookupError, TypeError):
        return topic_of(question)
