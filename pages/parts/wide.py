"""Room for what may be wider than the page."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import streamlit as st

from pages.parts.blocks import Kind

LONGEST_TABLE = 20
"""Rows."""


def room_for(kind: Kind) -> AbstractContextManager[object]:
    """Return where a block is drawn: a table scrolls sideways by itself, so that the page never does."""
    return st.container(horizontal=True, wrap=False) if kind == "table" else nullcontext()


def table_height(rows: int) -> Literal["content"] | int:
    """Return pixels where a table is so long that it scrolls by itself."""
    return "content" if rows <= LONGEST_TABLE else 35 * LONGEST_TABLE
