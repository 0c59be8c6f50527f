"""Files attached to messages: checked before anything is sent, kept beside the messages, put into requests.

A message holds a reference: a block ``{"type": "attachment", "id", "name", "kind", "media_type", "size"}`` with an
image's ``width`` and ``height``, a PDF's ``pages`` or the ``encoding`` of a text that is not in UTF-8; where that was
guessed, ``guessed`` is how the text begins then. Only a request has the data in it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, select

from core.access.roles import Person
from core.agent.context import HistoryMessage
from core.clock import new_id
from core.conversations.attachment_limits import check_size
from core.conversations.ownership import owned
from core.errors import FileRefused, NotFound
from core.files.limits import MOST_FILES
from core.files.recognition import Claimed, claim, recognize
from core.files.text import as_plain_text
from core.provider.blocks import Block
from core.provider.media import image_block, pdf_block, text_block
from core.store import attachment_tables
from core.store.tables import Conversation
from core.store.text import storable

_attachments, _conversations = attachment_tables.Attachment.__table__, Conversation.__table__
_BLOCKS: dict[str, Callable[[str, str, bytes], Block]] = {
    "image": lambda _, media_type, data: image_block(media_type, data),
    "pdf": lambda name, _, data: pdf_block(name, data),
    "text": lambda name, _, data: text_block(name, as_plain_text(data) or ""),
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as somebody hands it in."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A file to keep; ``reference`` is the block that stands for it in messages, ``preview`` an image's small WebP."""

    reference: dict[str, Any]
    sha256: str
    preview: bytes | None = field(repr=False)
    data: bytes = field(repr=False)


def claim_files(files: Sequence[Attachment]) -> list[Claimed]:
    """Check number, size and beginning, so that nothing is opened. Raises FileRefused for the first that cannot be."""
    if len(files) > MOST_FILES:
        raise FileRefused(
            f"{len(files)} files are attached; a message may have {MOST_FILES}. Nothing was sent. "
            "Send the others with another message."
        )
    claimed = [claim(file.name, file.data) for file in files]
    check_size(sum(len(each.data) for each in claimed))
    return claimed


def check_files(files: Sequence[Claimed], whose: str) -> tuple[NewAttachment, ...]:
    """Return what is to be kept of the files. Raises FileRefused for the first that cannot be attached."""
    return tuple(_checked(file, whose) for file in files)


def _checked(file: Claimed, whose: str) -> NewAttachment:
    found = recognize(file, whose)
    measures: dict[str, object] = {"width": found.width, "height": found.height, "pages": found.pages}
    if found.encoding not in ("", "UTF-8"):
        measures |= {"encoding": found.encoding, "guessed": found.guessed}
    reference = {
        "type": "attachment",
        "id": new_id(),
        "name": found.name,
        "kind": found.kind,
        "media_type": found.media_type,
        "size": len(file.data),
        **{name: value for name, value in measures.items() if value},
    }
    return NewAttachment(reference, hashlib.sha256(file.data).hexdigest(), found.preview, file.data)


def references(blocks: Sequence[Block]) -> list[Block]:
    """Return those of a message's blocks that stand for attached files."""
    return [block for block in blocks if block["type"] == "attachment"]


def read_files(connection: Connection, conversation_id: str, attached: Sequence[Block]) -> dict[str, bytes]:
    """Return the data of attached files by id. Raises NotFound if one of them is gone."""
    wanted = {each["id"] for each in attached}
    if not wanted:
        return {}
    query = select(_attachments.c.id, _attachments.c.data).where(
        _attachments.c.id.in_(wanted), _attachments.c.conversation_id == conversation_id
    )
    found = {row.id: bytes(row.data) for row in connection.execute(query)}
    if found.keys() != wanted:
        raise NotFound("A file of this conversation is not there any more. Reload the conversation.")
    return found


def expanded(said: HistoryMessage, data: Mapping[str, bytes]) -> HistoryMessage:
    """Return the message with what it refers to in place of its references."""
    return replace(said, blocks=expand(said.blocks, data))


def expand(blocks: Sequence[Block], data: Mapping[str, bytes]) -> list[Block]:
    """Return the blocks as the Messages API takes them."""
    return [_expand(block, data[block["id"]]) if block["type"] == "attachment" else block for block in blocks]


def _expand(reference: Block, data: bytes) -> Block:
    return _BLOCKS[reference["kind"]](reference["name"], reference["media_type"], data)


def read_previews(connection: Connection, by: Person, conversation_id: str, ids: Sequence[str]) -> dict[str, bytes]:
    """Return the small pictures of these of a conversation's images by id; empty for one that is not the owner's."""
    query = select(_attachments.c.id, _attachments.c.preview).join(
        _conversations, _conversations.c.id == _attachments.c.conversation_id
    )
    wanted = _attachments.c.id.in_(list(ids)), _attachments.c.preview.is_not(None)
    rows = connection.execute(query.where(owned(by, conversation_id), *wanted))
    return {row.id: bytes(row.preview) for row in rows}


def read_file(connection: Connection, by: Person, conversation_id: str, attachment_id: str) -> bytes:
    """Return an attached file as it was. Raises NotFound, also for what is someone else's."""
    query = select(_attachments.c.data).join(_conversations, _conversations.c.id == _attachments.c.conversation_id)
    found = connection.execute(
        query.where(owned(by, conversation_id), _attachments.c.id == storable(attachment_id))
    ).first()
    if found is None:
        raise NotFound("There is no such file. Its conversation may have been deleted.")
    return bytes(found.data)
