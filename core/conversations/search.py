"""Finding text by a part of it, whatever its case."""

from sqlalchemy import ColumnElement, or_


def contains(column: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """Whether the text contains the part; the wildcards of LIKE stand for themselves.

    Case never matters for ASCII letters. For others it matters to SQLite, and to PostgreSQL with a plain C locale, so
    the part is also looked for in lower case, in upper case and capitalised: only mixed spellings are missed.
    """
    return or_(*(column.icontains(spelling, autoescape=True) for spelling in _spellings(part)))


def _spellings(part: str) -> list[str]:
    if part.isascii():
        return [part]
    return list(dict.fromkeys((part, part.lower(), part.upper(), part.capitalize(), part.title())))
