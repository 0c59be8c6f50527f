"""Room for what may be wider than the page."""

from contextlib import AbstractContextManager, nullcontext

import streamlit as st

from pages.parts.blocks import Kind


def room_for(kind: Kind) -> AbstractContextManager[object]:
    """Where a block is drawn: a table scrolls sideways by itself, so that the page never does."""
    return st.container(horizontal=True, wrap=False) if kind == "table" else nullcontext()
