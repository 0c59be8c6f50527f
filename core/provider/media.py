"""Images and documents as blocks of a request, and about how many tokens they are.

The rules are those of ``build-with-claude/vision``, ``vision-coordinates`` and ``pdf-support`` on
platform.claude.com/docs, read on 2026-11-21.
"""

import base64
import math
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from core.files.images import measure
from core.files.pdf import count_pages
from core.files.reading import Unreadable
from core.provider.blocks import Block
from core.provider.models import find_model

_PATCH = 28
_SHARP, _STANDARD = (2_576, 4_784), (1_568, 1_568)
"""The longest edge in pixels and the most tokens; a larger image is made smaller."""
_PAGE_TOKENS = 2_300
"""Text and picture of a page: 7,000 tokens for three pages is what the provider gives as usual."""


def image_block(media_type: str, data: bytes) -> Block:
    return {"type": "image", "source": _base64(media_type, data)}


def pdf_block(title: str, data: bytes) -> Block:
    return {"type": "document", "title": title, "source": _base64("application/pdf", data)}


def text_block(title: str, text: str) -> Block:
    return {"type": "document", "title": title, "source": {"type": "text", "media_type": "text/plain", "data": text}}


def _base64(media_type: str, data: bytes) -> dict[str, str]:
    return {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode("ascii")}


def media_tokens(block: Any, model_id: str) -> int:
    """Tokens of the images and PDFs in a block, however deep; what cannot be read counts nothing."""
    return sum(_source_tokens(source, model_id) for source in base64_sources(block))


def base64_sources(block: Any) -> Iterator[dict[str, Any]]:
    """Where a block, or what it holds, keeps data in base64."""
    if isinstance(block, dict) and block.get("type") == "base64":
        yield block
    elif isinstance(block, dict | list):
        for part in block.values() if isinstance(block, dict) else block:
            yield from base64_sources(part)


def _source_tokens(source: dict[str, Any], model_id: str) -> int:
    try:
        data = base64.b64decode(source["data"])
        if source["media_type"] == "application/pdf":
            return count_pages(data) * _PAGE_TOKENS
        _, width, height = measure(data)
    except (Unreadable, ValueError):
        return 0
    return image_tokens(width, height, model_id)


def image_tokens(width: int, height: int, model_id: str) -> int:
    """A token for each patch of the image, once it is small enough for the model."""
    model = find_model(model_id)
    longest, most = _SHARP if model is None or model.sharp_images else _STANDARD
    long, short = max(width, height), min(width, height)

    def cost(edge: int) -> int:
        return _patches(edge) * _patches(max(1, round(edge * short / long)))

    def too_large(edge: int) -> bool:
        return _patches(edge) * _PATCH > longest or cost(edge) > most

    return cost(max(1, bisect_left(range(1, long + 1), True, key=too_large)))


def _patches(pixels: int) -> int:
    return math.ceil(pixels / _PATCH)
