"""Which part of a long conversation is drawn: the newest turns, or those that somebody looks for."""

import streamlit as st

from core.conversations.window import TURNS, Window
from core.wiring import Services
from pages.parts.trace_list import TRACE

_SHOWN = "shown-window"


def shown_window(services: Services, conversation_id: str) -> Window:
    turns, skipped = _shown(conversation_id)
    return services.conversations.window(services.me, conversation_id, turns=turns, skipped=skipped)


def _shown(conversation_id: str) -> tuple[int, int]:
    """Return how many turns, and how many newer ones are left out; another conversation begins with its newest ones."""
    whose, turns, skipped = st.session_state.get(_SHOWN, (None, TURNS, 0))
    return (turns, skipped) if whose == conversation_id else (TURNS, 0)


def _show(conversation_id: str, turns: int, skipped: int) -> None:
    st.session_state[_SHOWN] = (conversation_id, turns, skipped)


def show_newest(conversation_id: str) -> None:
    _show(conversation_id, TURNS, 0)


def show_turn(services: Services, conversation_id: str, task_trace_id: str) -> bool:
    """Show that turn and what follows it; False if it does not stand there any more."""
    later = services.conversations.turns_after(services.me, conversation_id, task_trace_id)
    if later is None:
        return False
    _show(conversation_id, TURNS, max(0, later - TURNS + 1))
    return True


def show_mention(services: Services, conversation_id: str, words: str) -> None:
    """Show the newest message that has these words, where one has."""
    if trace := services.conversations.newest_mention(services.me, conversation_id, words):
        show_turn(services, conversation_id, trace)


def go_to_trace(services: Services, conversation_id: str | None) -> None:
    """Follow an address that names a turn, once: from then on the reader goes where they like."""
    asked = st.query_params.get(TRACE)
    if not asked or conversation_id is None:
        return
    del st.query_params[TRACE]
    if not show_turn(services, conversation_id, asked):
        st.info(
            "The message of that trace is no longer in this conversation: it was changed or sent again. "
            "What it cost is in its trace.",
            icon=":material/history:",
        )


def draw_earlier(conversation_id: str, window: Window) -> None:
    """Above the messages."""
    if window.earlier:
        turns, skipped = _shown(conversation_id)
        st.button(
            f"Show {min(TURNS, window.earlier)} of {window.earlier:,} earlier messages",
            key="earlier",
            icon=":material/expand_less:",
            type="tertiary",
            on_click=_show,
            args=(conversation_id, turns + TURNS, skipped),
        )


def draw_later(conversation_id: str, window: Window, *, running: bool) -> None:
    """Draw a button for later messages, below those shown, where newer ones are left out."""
    if not window.later:
        return
    turns, skipped = _shown(conversation_id)
    more = min(TURNS, window.later)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Show {more} of {window.later:,} later messages",
            key="later",
            icon=":material/expand_more:",
            type="tertiary",
            on_click=_show,
            args=(conversation_id, turns + more, max(0, skipped - more)),
        )
        st.button(
            "Newest",
            key="newest",
            icon=":material/vertical_align_bottom:",
            type="tertiary",
            on_click=show_newest,
            args=(conversation_id,),
        )
        if running:
            st.caption(":material/more_horiz: An answer is being written.", width="content")
