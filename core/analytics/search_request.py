"""What a search asks for: words and, if it could be one, an id, within a choice of traces."""

import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement, Select, and_, case, select, tuple_

from core.analytics.filters import TraceFilter, asked
from core.store.tables import TaskTrace
from core.store.text import storable

Key: TypeAlias = tuple[datetime, str]
"""Where a trace stands in the list: ``(started_at, id)``."""

LONGEST_TEXT = 1_000
LONGEST_WORD = 64
MOST_WORDS = 32

_traces = TaskTrace.__table__
_OLD_UNICODE = unicodedata.ucd_3_2_0


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """The newest ``limit`` traces of a choice, whatever its text says, that come after the key ``before``."""

    chosen: TraceFilter
    before: Key | None
    limit: int

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions on ``task_trace`` rows in which the choice's agents and models were asked first."""
        limits = asked(self.chosen)
        if self.before is not None:
            limits.append(tuple_(_traces.c.started_at, _traces.c.id) < self.before)
        return limits

    def others(self) -> list[ColumnElement[bool]]:
        """Return the same, for any agent asked."""
        return replace(self, chosen=replace(self.chosen, agents=(), models=())).conditions()


def checked(*limits: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the conditions for rows found in another way: they lead no database to look for rows by them."""
    return case((and_(True, *limits), 1)) == 1


def newest_where(wanted: TraceQuery, *limits: ColumnElement[bool]) -> "Select[datetime, str]":
    """Return the places of so many as are wanted, newest first."""
    place = _traces.c.started_at, _traces.c.id
    return select(*place).where(*limits).order_by(*(column.desc() for column in place)).limit(wanted.limit)


@dataclass(frozen=True, slots=True)
class Sought:
    """``words`` must all be there, the last one as the beginning of a word; ``id`` is the whole text, or None."""

    words: tuple[str, ...]
    id: str | None


def sought(text: str, *, ids_only: bool = False) -> Sought | None:
    """Return what the text asks for, None if it is blank; of a very long one its first and its last word count."""
    text = storable(text[:LONGEST_TEXT]).strip()
    if not text:
        return None
    *first, last = words_of(unicodedata.normalize("NFC", text)) or [""]
    distinct = list(dict.fromkeys(first))[: MOST_WORDS - 1]
    return Sought((*distinct, last) if last and not ids_only else (), None if " " in text else text)


def words_of(text: str) -> list[str]:
    """Return its runs of letters and digits in lower case, each cut at ``LONGEST_WORD``.

    Letters are those of Unicode 3.2, which every database knows, so that none takes one word for two.
    """
    spaced = "".join(character if _is_letter(character) else " " for character in text.lower())
    return [word[:LONGEST_WORD] for word in spaced.split()]


def _is_letter(character: str) -> bool:
    return character.isalnum() if character.isascii() else _OLD_UNICODE.category(character)[0] in "LN"
