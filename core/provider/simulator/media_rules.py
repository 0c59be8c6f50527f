"""What the API demands of images and documents."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from core.files.images import IMAGE_TYPES, measure
from core.files.limits import (
    LARGE_WINDOW,
    LONGEST_EDGE,
    LONGEST_EDGE_OF_MANY,
    MANY_IMAGES,
    MOST_PARTS,
    MOST_PARTS_OF_SMALL,
)
from core.files.pdf import count_pages
from core.files.reading import Encrypted, Unreadable
from core.provider.models import Model

_LARGEST_IMAGE = 10_000_000


class _Fault(Exception):
    """What is wrong with one block."""


def media_faults(messages: list[dict[str, Any]], model: Model) -> Iterator[str]:
    """Whatever the API would reject a request for, in its words or like them."""
    edges, pages = list[int](), 0
    for where, role, block in _media(messages):
        try:
            if role == "assistant":
                raise _Fault("images and documents are not allowed in assistant messages")
            edge, count = _measured(block)
        except _Fault as fault:
            yield f"{where}: {fault}"
        else:
            edges += [edge] if edge else []
            pages += count
    most = MOST_PARTS if model.context_window >= LARGE_WINDOW else MOST_PARTS_OF_SMALL
    if len(edges) > most or pages > most:
        yield f"messages: a maximum of {most} images and {most} PDF pages may be provided"
    if len(edges) > MANY_IMAGES and max(edges) > LONGEST_EDGE_OF_MANY:
        yield f"messages: max allowed size for many-image requests is {LONGEST_EDGE_OF_MANY} pixels"


def _media(messages: list[dict[str, Any]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for index, message in enumerate(messages):
        for place, block in enumerate(message["content"] if isinstance(message["content"], list) else ()):
            if block["type"] in ("image", "document"):
                yield f"messages.{index}.content.{place}", message["role"], block


def _measured(block: dict[str, Any]) -> tuple[int, int]:
    """The longer edge of an image or 0, the pages of a PDF or 0."""
    source = block.get("source")
    if not isinstance(source, dict):
        raise _Fault("source: Field required")
    media_type = source.get("media_type")
    if block["type"] == "image":
        if source.get("type") != "base64" or media_type not in IMAGE_TYPES:
            raise _Fault(f"source.base64.media_type: Input should be one of {', '.join(IMAGE_TYPES)}")
        return _image_edge(media_type, _decoded(source)), 0
    if source.get("type") == "text":
        if media_type != "text/plain" or not isinstance(source.get("data"), str) or not source["data"].strip():
            raise _Fault("source.text: Input should be non-empty text/plain")
        return 0, 0
    if source.get("type") != "base64" or media_type != "application/pdf":
        raise _Fault("source.base64.media_type: Input should be 'application/pdf'")
    return 0, _pages(_decoded(source))


def _decoded(source: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(source.get("data") or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise _Fault("source.base64.data: invalid base64 data") from None


def _image_edge(media_type: str, data: bytes) -> int:
    if len(data) * 4 / 3 > _LARGEST_IMAGE:
        raise _Fault(f"image exceeds the maximum size: {len(data)} bytes")
    try:
        found, width, height = measure(data)
    except Unreadable:
        raise _Fault("Could not process image") from None
    if found != media_type:
        raise _Fault(f"Image does not match the provided media type {media_type}")
    if max(width, height) > LONGEST_EDGE:
        raise _Fault(f"At least one of the image dimensions exceed max allowed size: {LONGEST_EDGE} pixels")
    return max(width, height)


def _pages(data: bytes) -> int:
    try:
        return count_pages(data)
    except Encrypted:
        raise _Fault("The PDF specified is password protected.") from None
    except Unreadable:
        raise _Fault("The PDF specified was not valid.") from None
