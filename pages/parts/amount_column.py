"""How a column of exact amounts is drawn, so that what is copied from it is exact as well."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

_COPIED = "Open or copy a cell, or download the table, for all nine decimals."
_OPENED = "Open a cell, or download the table, for all nine decimals."
LARGEST_NUMBER = 8_000_000
"""In dollars: up to here a browser's numbers keep all nine decimals."""


def amount_column(amounts: Iterable[object]) -> ColumnConfig:
    """For cells that ``in_short`` shows short.

    Of a number Streamlit copies what it is, of a text what is shown; so all are numbers, if each can be one.
    """
    if all(map(_is_number, amounts)):
        return st.column_config.NumberColumn(alignment="right", help=_COPIED)
    return st.column_config.TextColumn(alignment="right", help=_OPENED)


def _is_number(amount: object) -> bool:
    """A blank one is none, but no hindrance."""
    text = str(amount).strip()
    try:
        return not text or abs(Decimal(text)) <= LARGEST_NUMBER
    except InvalidOperation:
        return False
