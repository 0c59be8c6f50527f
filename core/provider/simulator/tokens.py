"""A stand-in tokenizer: it cuts text into pieces, and a text has as many tokens as pieces."""

import re
from collections.abc import Iterable
from typing import Any

from core.provider.media import media_tokens

_OLD = re.compile(r" ?[^\W_]{1,6}|\s+|[\W_]")
_NEW = re.compile(r" ?[^\W_]{1,4}|\s+|[\W_]")
_OLD_TOKENIZER = ("claude-opus-4-5", "claude-opus-4-6", "claude-sonnet-4-5", "claude-sonnet-4-6", "claude-haiku-4-5")
_PER_MESSAGE = 4


def split_tokens(text: str, model: str) -> list[str]:
    """The pieces in order; joined they are the text again. Models from Opus 4.7 on cut finer, as the real ones do."""
    return (_OLD if model.startswith(_OLD_TOKENIZER) else _NEW).findall(text)


def count_tokens(text: str, model: str) -> int:
    return len(split_tokens(text, model))


def block_texts(block: Any) -> Iterable[str]:
    """Every text in a content block, however deep; images and PDFs have none."""
    if isinstance(block, str):
        yield block
    elif isinstance(block, dict):
        for key, value in block.items() if block.get("type") != "base64" else ():
            if key not in ("type", "cache_control", "signature", "media_type"):
                yield from block_texts(value)
    elif isinstance(block, list):
        for item in block:
            yield from block_texts(item)


def count_block(block: Any, model: str) -> int:
    """Tokens of one content block."""
    return sum(count_tokens(text, model) for text in block_texts(block)) + media_tokens(block, model)


def message_overhead() -> int:
    """Tokens that every message costs beside its text."""
    return _PER_MESSAGE
