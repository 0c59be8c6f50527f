"""Each column as the text of its cell, made by the database itself: that is what makes a file of millions quick."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, String, case, func, literal, literal_column, null, or_, type_coerce

from core.exports.columns import Column
from core.money import NANOS_PER_USD

FORMULA_BEGINS = "=+-@\t\r\n＝＋－＠"
"""The first character of text that a spreadsheet could run; the last four are full-width. No column can hold NUL."""
_QUOTED_FOR = '",\r\n'
_ZERO: ColumnElement[int] = literal_column("0")
_ONE_DOLLAR: ColumnElement[int] = literal_column(str(NANOS_PER_USD))


def safe_text(text: str) -> str:
    """Put an apostrophe in front of what a spreadsheet could run."""
    return f"'{text}" if text.startswith(tuple(FORMULA_BEGINS)) else text


def sqlite_cell(column: Column) -> ColumnElement[Any]:
    value = column.value
    match column.kind:
        case "text":
            return _sqlite_text(value, column.usual)
        case "time":
            return func.replace(type_coerce(value, String), _word(" "), _word("T")).op("||")(_word("Z"))
        case "usd":
            return _sqlite_usd(value)
        case "flag":
            return case((value, _word("true")), else_=_word("false"))
        case "number":
            return value


def _sqlite_text(value: ColumnElement[str], usual: str) -> ColumnElement[Any]:
    # A hyphen stands for itself only at the end of a set.
    begins = _word(f"[{FORMULA_BEGINS.replace('-', '')}-]*")
    safe = case((value.op("GLOB")(begins), _word("'").op("||")(value)), else_=value)
    to_quote = or_(*(func.instr(value, _word(character)) > _ZERO for character in _QUOTED_FOR))
    known = [(value == _word(usual), value)] if usual else []
    return case((value.is_(None), null()), *known, (to_quote, func.printf(_word('"%w"'), safe)), else_=safe)


def sqlite_line(cells: Iterable[ColumnElement[Any]]) -> ColumnElement[str]:
    """Return a whole row of the file."""
    every = list(cells)
    return func.printf(",".join("%s" for _ in every) + "\r\n", *every)


def _sqlite_usd(nanos: ColumnElement[int]) -> ColumnElement[Any]:
    """Write dollars, nothing for NULL.

    The dollars are cut off towards zero, and so is what remains.
    """
    dollars, rest = nanos.op("/")(_ONE_DOLLAR), nanos.op("%")(_ONE_DOLLAR)
    return case(
        (nanos >= _ZERO, func.printf(_word("%d.%09d"), dollars, rest)),
        (nanos < _ZERO, func.printf(_word("-%d.%09d"), -dollars, -rest)),
    )


def _word(text: str) -> BindParameter[str]:
    """Return a constant within the statement, which SQLite looks at once; a parameter would be copied for each row."""
    return literal(text, literal_execute=True)


def postgresql_cell(column: Column) -> ColumnElement[Any]:
    """Return what ``COPY`` in the format csv writes as the cell, quoted where needed; NULL is empty."""
    value = column.value
    match column.kind:
        case "text":
            return _postgresql_text(value)
        case "time":
            return func.to_char(func.timezone("UTC", value), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        case "usd":
            return value.op("*")(literal_column(f"{1 / NANOS_PER_USD:.9f}"))
        case "flag":
            return case((value, "true"), else_="false")
        case "number":
            return value


def _postgresql_text(value: ColumnElement[str]) -> ColumnElement[Any]:
    """Judge text by its first character's code, for speed; it is 0 for empty text, which ``COPY`` would quote."""
    plain = func.ascii(value).not_in([0, *map(ord, FORMULA_BEGINS)])
    return case((plain, value), (value != "", literal("'").op("||")(value)))
