"""One question of the demo month with all that the books are told of it, in the order they are told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TypeAlias

from sqlalchemy import Connection

from core.books import writes
from core.books.entries import AttemptEnd, NewAttempt, NewTurn, TurnEnd
from core.books.opening import open_turn
from core.books.settling import Attempt, Ending, settle
from core.demo.cast import PRICE_SOURCE
from core.pricing import PriceBook

_NO_PRICE = "no price is known"


@dataclass(frozen=True, slots=True)
class Exchange:
    """``retries`` are attempts that failed, each with the one that followed it."""

    opening: NewTurn
    retries: tuple[tuple[AttemptEnd, Attempt], ...]
    finish: TurnEnd


Talk: TypeAlias = list[Exchange]
"""A conversation."""


def settled(book: PriceBook, attempt: Attempt, ending: Ending) -> AttemptEnd:
    """As any attempt is priced, but its lines say that they are the demo month's."""
    end = settle(book, attempt, ending)
    marked = (replace(line, price_source=PRICE_SOURCE + (line.price_source or _NO_PRICE)) for line in end.lines)
    return replace(end, lines=tuple(marked))


def record(connection: Connection, talks: Sequence[Talk]) -> None:
    """Write the conversations as if they took place now: the books cannot tell."""
    for exchanges in zip_longest(*talks):
        begun = [exchange for exchange in exchanges if exchange is not None]
        for exchange in begun:
            _open(connection, exchange)
        writes.finish(connection, [exchange.finish for exchange in begun])


def _open(connection: Connection, exchange: Exchange) -> None:
    opening = exchange.opening
    open_turn(connection, opening)
    for failed, attempt in exchange.retries:
        following = NewAttempt(
            span_id=attempt.span_id,
            task_trace_id=opening.task_trace_id,
            session_id=opening.session_id,
            model=attempt.model,
            number=attempt.number,
            trace_started_at=opening.at,
        )
        writes.next_attempt(connection, failed, following, attempt.prompt_estimate, attempt.started_at)
