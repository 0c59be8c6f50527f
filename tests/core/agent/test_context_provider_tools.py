"""What goes back of an answer that used the provider's own tools."""

from typing import Any

import pytest

from core.agent.context import HistoryMessage, Persona, build_request
from tests.core.agent.toolkit import MODEL

SEARCHER = Persona(MODEL, "", 1_000, True, [{"type": "web_search_20260318", "name": "web_search"}])
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
CALL = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "tea"}}
RESULT = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
QUOTE = {"type": "text", "text": "Tea.", "citations": [{"type": "web_search_result_location"}]}
TEXT = {"type": "text", "text": "Tea."}


@pytest.mark.parametrize(
    ("said", "partial", "tools", "sent"),
    [
        ([THOUGHT, CALL, RESULT, QUOTE], False, True, [THOUGHT, CALL, RESULT, QUOTE]),
        ([THOUGHT, CALL, RESULT, QUOTE], False, False, [TEXT]),
        ([THOUGHT, CALL, RESULT, QUOTE], True, True, [TEXT]),
        ([THOUGHT, CALL, TEXT], False, True, [TEXT]),
        ([THOUGHT, RESULT, QUOTE], False, True, [TEXT]),
    ],
)
def test_all_of_it_goes_back_or_only_its_words(
    said: list[dict[str, Any]], partial: bool, tools: bool, sent: list[dict[str, Any]]
) -> None:
    persona = SEARCHER if tools else Persona(MODEL, "", 1_000, True)
    history = [
        HistoryMessage("user", [{"type": "text", "text": "Tea?"}]),
        HistoryMessage("assistant", said, partial, MODEL),
    ]
    content = build_request(persona, history, "And?").messages[1]["content"]
    assert [{key: value for key, value in block.items() if key != "cache_control"} for block in content] == sent
