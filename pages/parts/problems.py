"""Errors in plain words, with what to do."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import streamlit as st

from core.conversations.attachments import Attachment
from core.errors import AppError, NotFound, NotSignedIn, StoreError
from pages.parts.attachments import draw_unsent_files
from pages.parts.markdown import as_text

UNSENT = "unsent"
"""Where messages are kept that were not sent: conversation, text and files."""

_KEPT, _SHOWN = "kept-problem", "shown-problem"
_LONG_TEXT, _MANY_LINES, _LONG_HEIGHT = 400, 5, 160

_TITLE = {
    NotFound: ("Not there", ":material/search_off:"),
    StoreError: ("The database cannot be used", ":material/database_off:"),
}


def show_problem(error: AppError) -> None:
    """The error's own words, never a traceback; who is not signed in any more sees the way in instead of the page."""
    if isinstance(error, NotSignedIn):
        st.rerun()
    title, icon = next((known for kind, known in _TITLE.items() if isinstance(error, kind)), ("", ":material/error:"))
    words = as_text(error.for_user)
    st.error(f"**{title}.** {words}" if title else words, icon=icon)


@contextmanager
def told() -> Iterator[None]:
    """What goes wrong on purpose is said in its place."""
    try:
        yield
    except AppError as error:
        show_problem(error)


def attempt(action: Callable[[], object]) -> None:
    """For callbacks: an error is kept and shown by ``show_kept_problem`` in the run that follows."""
    try:
        action()
    except AppError as error:
        st.session_state[_KEPT] = error


def show_kept_problem() -> None:
    """Its place is taken in any case, so that what follows keeps its own."""
    slot, error = st.empty(), st.session_state.pop(_KEPT, None)
    st.session_state[_SHOWN] = error
    if error is not None:
        with slot:
            show_problem(error)


def run_again() -> NoReturn:
    """At once, so that a problem this run has shown is shown once more: nobody had the time to read it."""
    if shown := st.session_state.get(_SHOWN):
        st.session_state.setdefault(_KEPT, shown)
    st.rerun()


def show_unsent(
    text: str,
    files: Sequence[Attachment],
    reason: str,
    *,
    key: str,
    send_again: Callable[[], None],
    discard: Callable[[], None],
    remove: Callable[[Attachment], None],
) -> None:
    """A message that was not sent, kept in full, with the reason; its buttons' keys begin with ``key``."""
    with st.container(border=True):
        st.warning(as_text(reason), icon=":material/undo:")
        if text:
            long = len(text) > _LONG_TEXT or text.count("\n") > _MANY_LINES
            st.code(text, language=None, wrap_lines=True, height=_LONG_HEIGHT if long else "content")
        draw_unsent_files(files, key, remove)
        with st.container(horizontal=True):
            st.button("Send again", key=f"{key}-send", icon=":material/send:", type="primary", on_click=send_again)
            st.button("Discard", key=f"{key}-discard", icon=":material/close:", on_click=discard)
