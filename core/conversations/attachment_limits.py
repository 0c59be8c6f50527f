"""What files a model can take together: all of a conversation go into each of its requests."""

from collections.abc import Sequence
from typing import Literal

from core.errors import FileRefused
from core.files.limits import (
    LARGE_WINDOW,
    LARGEST_TOGETHER,
    LONGEST_EDGE_OF_MANY,
    MANY_IMAGES,
    MEGABYTE,
    MOST_PARTS,
    MOST_PARTS_OF_SMALL,
)
from core.provider.blocks import Block
from core.provider.models import Model, find_model

_START_NEW = "Nothing was sent. Start a new conversation, or attach less."


def check_request(attached: Sequence[Block], model_id: str) -> None:
    """Raises FileRefused if a model cannot take these files, all that a request would hold, together."""
    model = find_model(model_id)
    images = [each for each in attached if each["kind"] == "image"]
    pdfs = [each for each in attached if each["kind"] == "pdf"]
    if model is not None:
        _check_kinds(images, pdfs, model)
    check_size(sum(each["size"] for each in attached))
    if len(images) > MANY_IMAGES:
        _check_edges(images)


def check_size(size: int) -> None:
    """Check the bytes of all files together. Raises FileRefused."""
    if size > LARGEST_TOGETHER:
        raise FileRefused(
            f"The files of this conversation have {size / MEGABYTE:.1f} MB together; "
            f"{LARGEST_TOGETHER // MEGABYTE} MB can be sent. {_START_NEW}"
        )


def _check_kinds(images: Sequence[Block], pdfs: Sequence[Block], model: Model) -> None:
    _check_taken(images, "images", model, taken=model.images)
    _check_taken(pdfs, "PDF documents", model, taken=model.pdf)
    most = MOST_PARTS if model.context_window >= LARGE_WINDOW else MOST_PARTS_OF_SMALL
    for count, what in ((len(images), "images"), (sum(each["pages"] for each in pdfs), "PDF pages")):
        if count > most:
            raise FileRefused(
                f"This conversation would have {count:,} {what}; {model.label} takes {most} at once. {_START_NEW}"
            )


def check_kinds(names: Sequence[str], model_id: str, what: Literal["images", "PDF documents"]) -> None:
    """Raises FileRefused if there are such files and the model takes none."""
    model = find_model(model_id)
    if model is not None:
        named = [{"name": name} for name in names]
        _check_taken(named, what, model, taken=model.images if what == "images" else model.pdf)


def _check_taken(found: Sequence[Block], what: str, model: Model, *, taken: bool) -> None:
    if found and not taken:
        raise FileRefused(
            f"{model.label} takes no {what}, and “{found[0]['name']}” is one. Nothing was sent. "
            "Choose an agent with another model, or start a new conversation without it."
        )


def _check_edges(images: Sequence[Block]) -> None:
    for each in images:
        if max(each["width"], each["height"]) > LONGEST_EDGE_OF_MANY:
            raise FileRefused(
                f"With more than {MANY_IMAGES} images in a conversation, none may be more than "
                f"{LONGEST_EDGE_OF_MANY:,} pixels wide or high, and “{each['name']}” is. {_START_NEW}"
            )
