"""What is sent to each model, above all about thinking."""

from typing import Any

import pytest

from core.provider.anthropic.parameters import message_parameters
from core.provider.models import MODELS
from core.provider.request import ModelRequest
from core.provider.simulator.validation import check_body

VISIBLE = {"type": "adaptive", "display": "summarized"}


def request(model: str, *, thinking: bool, max_tokens: int = 8_000) -> ModelRequest:
    return ModelRequest(model, [], [{"role": "user", "content": "Hi"}], max_tokens, thinking)


@pytest.mark.parametrize(
    ("model", "on", "off"),
    [
        ("claude-sonnet-5-5", VISIBLE, {"type": "between_tools"}),
        ("claude-haiku-5-5", VISIBLE, {"type": "disabled"}),
        ("claude-opus-5", VISIBLE, {"type": "disabled"}),
        ("claude-opus-5-5", VISIBLE, VISIBLE),
        ("claude-fable-5-2", VISIBLE, VISIBLE),
        ("claude-opus-4-7", VISIBLE, None),
        ("claude-haiku-4-5", {"type": "enabled", "budget_tokens": 4_000}, None),
        ("claude-haiku-4-5-20251001", {"type": "enabled", "budget_tokens": 4_000}, None),
        ("a-model-of-tomorrow", VISIBLE, None),
    ],
)
def test_each_model_is_asked_in_its_own_way(model: str, on: dict[str, Any], off: dict[str, Any] | None) -> None:
    assert message_parameters(request(model, thinking=True)).get("thinking") == on
    assert message_parameters(request(model, thinking=False)).get("thinking") == off


@pytest.mark.parametrize(("max_tokens", "budget"), [(1_024, None), (1_500, 1_024), (64_000, 16_000)])
def test_a_budget_stays_between_its_bounds(max_tokens: int, budget: int | None) -> None:
    parameters = message_parameters(request("claude-haiku-4-5", thinking=True, max_tokens=max_tokens))
    assert parameters.get("thinking", {}).get("budget_tokens") == budget


@pytest.mark.parametrize("thinking", [True, False])
@pytest.mark.parametrize("model", [model.id for model in MODELS])
def test_every_model_accepts_what_it_is_sent(model: str, thinking: bool) -> None:
    assert check_body(message_parameters(request(model, thinking=thinking))).id == model


def test_an_empty_system_prompt_is_left_out() -> None:
    system = [{"type": "text", "text": "Be brief."}]
    assert "system" not in message_parameters(request("claude-opus-5", thinking=False))
    filled = ModelRequest("claude-opus-5", system, [{"role": "user", "content": "Hi"}], 100, False)
    assert message_parameters(filled) == {
        "model": "claude-opus-5",
        "system": system,
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 100,
        "stream": True,
        "thinking": {"type": "disabled"},
    }
