"""Thinking comes back unchanged or not at all."""

import pytest

from core.provider.simulator.signatures import sign_thinking, signature_is_ours

SIGNATURE = sign_thinking("Let me see", "nonce")


def test_what_was_sent_is_recognised() -> None:
    assert signature_is_ours({"type": "thinking", "thinking": "Let me see", "signature": SIGNATURE})


@pytest.mark.parametrize(
    "block",
    [
        {"thinking": "Let me see!", "signature": SIGNATURE},
        {"thinking": "", "signature": SIGNATURE},
        {"thinking": "Let me see", "signature": SIGNATURE[:-8] + "AAAAAAA="},
        {"thinking": "Let me see", "signature": "not base64"},
        {"thinking": "Let me see", "signature": None},
        {"thinking": "Let me see"},
        {"signature": SIGNATURE},
    ],
)
def test_anything_changed_is_not(block: dict[str, object]) -> None:
    assert not signature_is_ours(block)
