"""The tools that Anthropic runs itself, as a request names them.

Read on 2026-11-21 from platform.claude.com/docs: ``agents-and-tools/tool-use/web-search-tool``, ``web-fetch-tool`` and
``code-execution-tool`` (versions, and that Claude 4.6 and later filter what they find by code of their own, for which
they need the newer versions), ``models/haiku-4-5/migration-guide`` (code execution).
"""

from collections.abc import Iterable
from typing import Any

from core.provider.models import find_model

_MOST_USES = 5
_MOST_TOKENS_OF_A_PAGE = 50_000
# Models that take only what came before filtering by code.
_BEFORE_FILTERING = frozenset({"claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"})
_SEARCH_LIMITS = {"max_uses": _MOST_USES}
_FETCH_LIMITS = {**_SEARCH_LIMITS, "max_content_tokens": _MOST_TOKENS_OF_A_PAGE}


def definitions(names: Iterable[str], model_id: str) -> list[dict[str, Any]]:
    """The definitions of those names that Anthropic runs, in the version this model takes.

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
