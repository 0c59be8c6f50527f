"""A step that cannot be taken back: one click says what it does, the next one does it."""

from collections.abc import Callable

import streamlit as st

from pages.parts.problems import attempt


def confirm(label: str, words: str, sure: str, action: Callable[[], object], *, key: str, icon: str) -> None:
    """``words`` say what will be so; ``sure`` stands on the button that does it."""
    with st.popover(label, icon=icon, key=f"ask-{key}"):
        st.markdown(words)
        st.button(sure, key=key, type="primary", on_click=attempt, args=(action,))
