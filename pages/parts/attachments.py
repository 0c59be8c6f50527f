"""Files in the chat: handed in with a message, shown again beside it, downloaded but never opened in the page."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import streamlit as st
from streamlit.typing import ChatInputValue

from core.conversations.attachments import Attachment, references
from core.conversations.transcript import MessageView
from core.files.limits import LARGEST_PDF, MEGABYTE
from core.files.recognition import SUFFIXES
from core.wiring import Services
from pages.parts.markdown import as_text
from pages.parts.reader import for_later

FILE_TYPES = [suffix for suffixes in SUFFIXES.values() for suffix in suffixes]
LARGEST_UPLOAD_MB = LARGEST_PDF // MEGABYTE

_ICONS = {"image": ":material/image:", "pdf": ":material/picture_as_pdf:", "text": ":material/description:"}
_THUMBNAIL_WIDTH, _THUMBNAIL_HEIGHT = 220, 150


def handed_in(typed: ChatInputValue) -> tuple[str, tuple[Attachment, ...]]:
    """Return text and files of what was sent from the chat input."""
    return typed.text, tuple(Attachment(file.name, file.getvalue()) for file in typed.files)


def draw_unsent_files(files: Sequence[Attachment], key: str, remove: Callable[[Attachment], None]) -> None:
    """Draw what is attached to a message that was not sent yet, each to be taken away by itself."""
    for number, file in enumerate(files):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.caption(f":material/attach_file: {as_text(file.name)} · {_size(len(file.data))}", width="content")
            st.button(
                "",
                key=f"{key}-remove-{number}",
                icon=":material/close:",
                type="tertiary",
                help="Remove this file",
                on_click=remove,
                args=(file,),
            )


class AttachedFiles:
    """Those of some messages of a conversation, read when they are drawn."""

    def __init__(self, services: Services, conversation_id: str, messages: Sequence[MessageView]) -> None:
        self._services, self._conversation_id, self._messages = for_later(services), conversation_id, messages

    @cached_property
    def _previews(self) -> dict[str, bytes]:
        images = [each["id"] for message in self._messages for each in references(message.blocks)]
        return self._services.conversations.previews(self._services.me, self._conversation_id, images)

    def draw(self, message_id: str, blocks: Sequence[dict[str, Any]]) -> None:
        """Images as small pictures, each file as a button that downloads it."""
        attached = sorted(references(blocks), key=lambda reference: reference["kind"] != "image")
        if not attached:
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            for reference in attached:
                with st.container(width="content", gap="xxsmall"):
                    self._draw(message_id, reference)

    def _draw(self, message_id: str, reference: dict[str, Any]) -> None:
        picture = self._previews.get(reference["id"]) if reference["kind"] == "image" else None
        if picture is not None:
            st.image(picture, width=_thumbnail_width(reference["width"], reference["height"]), alt=reference["name"])
        st.download_button(
            f"{as_text(reference['name'])} · {_size(reference['size'])}",
            partial(self._read, reference["id"]),
            reference["name"],
            "application/octet-stream",
            key=f"file-{message_id}-{reference['id']}",
            icon=_ICONS[reference["kind"]],
            type="tertiary" if picture else "secondary",
            on_click="ignore",
            help="Download",
        )

        if reference.get("encoding"):
            _draw_encoding(reference)

    def _read(self, attachment_id: str) -> bytes:
        """Asked when somebody downloads it."""
        services = self._services
        return services.conversations.attached_file(services.me, self._conversation_id, attachment_id)


def _draw_encoding(reference: dict[str, Any]) -> None:
    """How a text was read; where that was guessed, what came of it, so that a wrong guess is seen."""
    if not reference.get("guessed"):
        st.caption(f"Read as {as_text(reference['encoding'])}")
        return
    st.caption(
        f":material/help: Read as {as_text(reference['encoding'])}, which is a guess: "
        f"“{as_text(reference['guessed'])}”. If letters are wrong, save it as UTF-8 and attach it again."
    )


def _thumbnail_width(width: int, height: int) -> int:
    scale = min(1, _THUMBNAIL_WIDTH / width, _THUMBNAIL_HEIGHT / height)
    return max(1, round(width * scale))


def _size(count: int) -> str:
    """Return the size as people say it."""
    if count < 1_000:
        return f"{count} B"
    return f"{count / 1_000:.0f} kB" if count < MEGABYTE else f"{count / MEGABYTE:.1f} MB"
