"""Errors in plain words, with what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import streamlit as st

from core.errors import AppError, NotFound, NotSignedIn, StoreError
from pages.parts.markdown import as_text

_KEPT, _SHOWN = "kept-problem", "shown-problem"

_TITLE = {
    NotFound: ("Not there", ":material/search_off:"),
    StoreError: ("The database cannot be used", ":material/database_off:"),
}


def show_problem(error: AppError) -> None:
    """Show the error's own words, never a traceback; who is signed out sees the way in instead of the page."""
    if isinstance(error, NotSignedIn):
        st.rerun()
    title, icon = next((known for kind, known in _TITLE.items() if isinstance(error, kind)), ("", ":material/error:"))
    words = as_text(error.for_user)
    st.error(f"**{title}.** {words}" if title else words, icon=icon)


@contextmanager
def told() -> Iterator[None]:
    """Say in its place what goes wrong on purpose."""
    try:
        yield
    except AppError as error:
        show_problem(error)


def attempt(action: Callable[[], object]) -> None:
    """Try in a callback: an error is kept and shown by ``show_kept_problem`` in the run that follows."""
    try:
        action()
    except AppError as error:
        keep_problem(error)


def keep_problem(error: AppError) -> None:
    st.session_state[_KEPT] = error


def show_kept_problem() -> None:
    """Show the problem kept; its place is taken in any case, so that what follows keeps its own."""
    slot, error = st.empty(), st.session_state.pop(_KEPT, None)
    st.session_state[_SHOWN] = error
    if error is not None:
        with slot:
            show_problem(error)


def run_again() -> NoReturn:
    """Run again at once, and show a problem of this run once more: nobody had the time to read it."""
    if shown := st.session_state.get(_SHOWN):
        st.session_state.setdefault(_KEPT, shown)
    st.rerun()
