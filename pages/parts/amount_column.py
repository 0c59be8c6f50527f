"""How a column of exact amounts is drawn, so that what is copied from it is exact as well."""

from collections.abc import Iterable

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pages.parts.figures import are_numbers

_HELP = "Open or copy a cell, or download the table, for all nine decimals."


def amount_column(amounts: Iterable[object]) -> ColumnConfig:
    """Configure the column for the cells of ``in_short``."""
    if are_numbers(amounts):
        return st.column_config.NumberColumn(alignment="right", help=_HELP)
    return st.column_config.TextColumn(alignment="right", help=_HELP)
