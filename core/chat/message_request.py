"""A message that somebody wants answered, and what is said of it before anything is opened."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from core.access.roles import Person
from core.chat.admission import Once
from core.chat.new_turn import Earlier
from core.conversations.attachments import NewAttachment
from core.conversations.conversations import title_from
from core.errors import ContextTooLong
from core.store.text import whole_characters

LONGEST_MESSAGE = 400_000


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """A message somebody wants answered; ``replaces`` is the user message it takes the place of."""

    owner: Person
    agent_id: str
    text: str
    conversation_id: str | None = None
    replaces: str | None = None
    draft_id: str | None = None
    source: str = "chat"
    files: tuple[NewAttachment, ...] = ()
    once: Once | None = None
    earlier: tuple[Earlier, ...] = ()


def title_of(wanted: MessageRequest) -> str | None:
    """Return the title of the conversation that the message begins, None where it goes on."""
    if wanted.conversation_id is not None:
        return None
    return title_from(wanted.text if wanted.text.strip() else wanted.files[0].reference["name"])


def checked(text: str) -> str:
    """Raises ContextTooLong and InputError for what can be no message."""
    if len(text) > LONGEST_MESSAGE:
        raise ContextTooLong(
            f"The message is {len(text):,} characters long; at most {LONGEST_MESSAGE:,} can be sent. Shorten it."
        )
    return whole_characters(text, "The message")


def digest_of(agent_id: str, conversation_id: str | None, text: str, earlier: Sequence[Earlier]) -> str:
    """Return what tells this message from others that come with the same key."""
    said = [[[each.role, each.text] for each in earlier]] if earlier else []
    return hashlib.sha256(json.dumps([agent_id, conversation_id, text, *said]).encode()).hexdigest()
