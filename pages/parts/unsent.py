"""Messages that were not sent: kept, told why, and with a way on that can succeed."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from core.conversations.attachments import Attachment
from core.conversations.unsent import Unsent
from core.errors import AppError, StoreError
from core.wiring import Services
from pages.parts.attachments import draw_unsent_files
from pages.parts.markdown import as_text

UNSENT = "unsent"
"""Where a session keeps them by id, as long as the database cannot."""
_LONG_TEXT, _MANY_LINES, _LONG_HEIGHT = 400, 5, 160

_WORDS = {
    "again": ("Send again", ":material/send:"),
    "change": ("Send changed message", ":material/send:"),
    "anew": ("Send as a new message", ":material/send:"),
    "elsewhere": ("Send in a new conversation", ":material/add_comment:"),
}


@dataclass(frozen=True, slots=True)
class Ways:
    """``send`` gets the message as it shall be sent now; it is None while nobody is chosen who could answer."""

    send: Callable[[Unsent], None] | None
    services: Services


def keep(services: Services, message: Unsent) -> None:
    """Keep it in the session, and in the database if that can be used."""
    _here()[message.id] = message
    try:
        services.conversations.unsent.keep(services.me, message)
    except AppError:  # the database is away, or its writer may not come in any more
        return


def drop(services: Services, message: Unsent) -> None:
    _here().pop(message.id, None)
    try:
        services.conversations.unsent.drop(services.me, message.id)
    except AppError:
        return


def _here() -> dict[str, Unsent]:
    kept: dict[str, Unsent] = st.session_state.setdefault(UNSENT, {})
    return kept


def all_unsent(services: Services) -> list[Unsent]:
    """List, oldest first, what the database has, and what only this session has because it could not."""
    try:
        found = {each.id: each for each in services.conversations.unsent.list(services.me)}
    except StoreError:
        found = {}
    return [each for _, each in sorted((found | _here()).items())]


def draw_unsent(ways: Ways, conversation_id: str | None) -> None:
    """Draw those of this conversation; where others wait is said."""
    slot = st.empty()
    every = all_unsent(ways.services)
    shown = [each for each in every if each.conversation_id == conversation_id]
    if not shown:
        return
    with slot.container():
        for number, message in enumerate(shown):
            _draw(ways, message, f"unsent-{number}")


def _draw(ways: Ways, message: Unsent, key: str) -> None:
    with st.container(border=True):
        st.warning(as_text(message.reason), icon=":material/undo:")
        typed = f"{key}-text-{message.id}"
        if message.remedy == "change":
            st.text_area("Message", message.text, key=typed, height=_LONG_HEIGHT, label_visibility="collapsed")
        elif message.text:
            long = len(message.text) > _LONG_TEXT or message.text.count("\n") > _MANY_LINES
            st.code(message.text, language=None, wrap_lines=True, height=_LONG_HEIGHT if long else "content")
        draw_unsent_files(message.files, key, lambda file: _remove(ways, message, file))
        with st.container(horizontal=True):
            label, icon = _WORDS[message.remedy]
            st.button(
                label,
                key=f"{key}-send",
                icon=icon,
                type="primary",
                disabled=ways.send is None,
                on_click=lambda: _send(ways, _as_changed(message, typed)),
            )
            if message.remedy == "change" and message.conversation_id is not None:
                st.button(
                    "Send in a new conversation",
                    key=f"{key}-elsewhere",
                    icon=":material/add_comment:",
                    disabled=ways.send is None,
                    on_click=lambda: _send(ways, replace(_as_changed(message, typed), remedy="elsewhere")),
                )
            st.button(
                "Discard", key=f"{key}-discard", icon=":material/close:", on_click=lambda: drop(ways.services, message)
            )


def _as_changed(message: Unsent, typed: str) -> Unsent:
    return replace(message, text=st.session_state.get(typed, message.text))


def _send(ways: Ways, message: Unsent) -> None:
    """Send it as its remedy says."""
    if ways.send is None:
        return
    if message.remedy == "anew":
        message = replace(message, replaces=None)
    if message.remedy == "elsewhere":
        message = replace(message, replaces=None, conversation_id=None)
    ways.send(message)


def _remove(ways: Ways, message: Unsent, file: Attachment) -> None:
    left = tuple(each for each in message.files if each is not file)
    keep(ways.services, replace(message, files=left))
