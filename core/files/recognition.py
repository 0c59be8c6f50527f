"""Decides by its content what a file is and whether it can be attached; a refusal says why and what to do."""

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal, NoReturn, TypeAlias

from core.errors import FileRefused
from core.files.images import begins_like_image
from core.files.limits import LARGEST_IMAGE, LARGEST_PDF, LARGEST_TEXT, LONGEST_EDGE, MEGABYTE, MOST_PARTS
from core.files.looking import Looking
from core.files.pdf import begins_like_pdf
from core.files.reading import Encrypted, TooManyPixels, TooMuch, Unreadable
from core.files.text import as_plain_text, decode

Kind: TypeAlias = Literal["image", "pdf", "text"]

SUFFIXES: dict[Kind, tuple[str, ...]] = {
    "image": ("png", "jpg", "jpeg", "gif", "webp"),
    "pdf": ("pdf",),
    "text": ("txt", "csv", "tsv", "md", "json", "xml", "yaml", "yml", "log"),
}
_SAID: dict[Kind, str] = {
    "image": "a PNG, JPEG, GIF or WebP image",
    "pdf": "a PDF document",
    "text": "text",
}
_LARGEST: dict[Kind, int] = {"image": LARGEST_IMAGE, "pdf": LARGEST_PDF, "text": LARGEST_TEXT}
_LONGEST_NAME = 120
_looking = Looking()


@dataclass(frozen=True, slots=True)
class Recognized:
    """``width`` and ``height`` are an image's in pixels, ``preview`` its small WebP; ``pages`` are a PDF's.

    ``encoding`` is a text's, ``guessed`` its beginning where that encoding was guessed."""

    name: str
    kind: Kind
    media_type: str
    width: int = 0
    height: int = 0
    pages: int = 0
    preview: bytes | None = None
    encoding: str = ""
    guessed: str = ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file whose size fits the kind that it begins like; nothing in it was opened yet."""

    name: str
    kind: Kind
    data: bytes = field(repr=False)


def claim(name: str, data: bytes) -> Claimed:
    """Raises FileRefused by what is known at a glance."""
    name = plain_name(name)
    if not data:
        _refuse(name, "is empty. Choose another file.")
    kind = _kind(name, data)
    if len(data) > _LARGEST[kind]:
        most = _LARGEST[kind] / MEGABYTE
        _refuse(name, f"has {len(data) / MEGABYTE:.1f} MB; {_SAID[kind]} may have {most:g} MB. Make it smaller.")
    return Claimed(name, kind, data)


def recognize(claimed: Claimed, whose: str) -> Recognized:
    """Recognise a file by what is in it, in a process of its own; raises FileRefused for what no model could take.

    ``whose`` names the person who waits for it.
    """
    if claimed.kind == "image":
        return _image(claimed, whose)
    return _pdf(claimed, whose) if claimed.kind == "pdf" else _text(claimed.name, claimed.data)


def plain_name(name: str) -> str:
    """Return one line without folders or invisible characters, its ending kept when it is too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    line = " ".join("".join(char if char.isprintable() else " " for char in last).split())
    if len(line) > _LONGEST_NAME:
        suffix = PurePath(line).suffix[:10]
        line = line[: _LONGEST_NAME - len(suffix)] + suffix
    return line or "file"


def _kind(name: str, data: bytes) -> Kind:
    """Return what the content is, if the name does not say otherwise."""
    suffix = PurePath(name).suffix.lower().lstrip(".")
    said: Kind | None = next((kind for kind, suffixes in SUFFIXES.items() if suffix in suffixes), None)
    found: Kind | None = "text" if as_plain_text(data) is not None else None
    if begins_like_image(data):
        found = "image"
    elif begins_like_pdf(data):
        found = "pdf"
    if said is not None and said != found:
        advice = "Save it as UTF-8 and attach it again." if said == "text" and found is None else "Check the file."
        _refuse(name, f"is not what its name says: it does not hold {_SAID[said]}. {advice}")
    if found is None:
        _refuse(name, f"holds neither {', nor '.join(_SAID.values())}. Only those can be attached.")
    return found


def _image(claimed: Claimed, whose: str) -> Recognized:
    name = claimed.name
    try:
        found = _looking.look("image", claimed.data, whose)
    except TooManyPixels:
        _refuse(name, f"is more than {LONGEST_EDGE:,} pixels wide or high. Make it smaller.")
    except TooMuch:
        _refuse(name, "takes too much memory or time to open. Save it smaller and attach that.")
    except Unreadable:
        _refuse_damaged(name, "image")
    return Recognized(name, "image", found.media_type, found.width, found.height, preview=found.preview)


def _pdf(claimed: Claimed, whose: str) -> Recognized:
    name = claimed.name
    try:
        pages = _looking.look("pdf", claimed.data, whose).pages
    except Encrypted:
        _refuse(name, "is protected by a password. Save it without one and attach it again.")
    except TooMuch:
        _refuse(name, "takes too much memory or time to open. Attach a part of it.")
    except Unreadable:
        _refuse_damaged(name, "PDF")
    if pages > MOST_PARTS:
        _refuse(name, f"has {pages:,} pages; {MOST_PARTS} can be read at once. Attach a part of it.")
    return Recognized(name, "pdf", "application/pdf", pages=pages)


def _text(name: str, data: bytes) -> Recognized:
    found = decode(data)
    if found is None or not found.text.strip():
        _refuse(name, "is empty. Choose another file.")
    media_type = "text/csv" if name.lower().endswith(".csv") else "text/plain"
    beginning = found.beginning if found.guessed else ""
    return Recognized(name, "text", media_type, encoding=found.encoding, guessed=beginning)


def _refuse_damaged(name: str, what: str) -> NoReturn:
    _refuse(name, f"is damaged: the {what} in it cannot be opened. Export it again and attach the new file.")


def _refuse(name: str, why: str) -> NoReturn:
    raise FileRefused(f"“{name}” {why} Nothing was sent.")
