"""One question of the demo month with all that the books are told of it, in the order they are told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TypeAlias

from sqlalchemy import Connection

from core.books.closing import close
from core.books.settling import LiveCall, settle
from core.books.values import Advance, Ended, ModelCall, ModelCallEnd, TraceEnd
from core.books.writes import advance
from core.chat.new_turn import NewTurn, open_turn
from core.demo.cast import PRICE_SOURCE
from core.errors import ProviderError
from core.pricing import PriceBook

_NO_PRICE = "no price is known"


@dataclass(frozen=True, slots=True)
class Exchange:
    """``retries`` are model calls that failed, each with the one that followed it."""

    opening: NewTurn
    retries: tuple[tuple[ModelCallEnd, ModelCall], ...]
    end: TraceEnd


Talk: TypeAlias = list[Exchange]
"""A conversation."""


def settled(book: PriceBook, live: LiveCall, ended: Ended, error: ProviderError | None = None) -> ModelCallEnd:
    """Price a call as any other, but its lines say that they are the demo month's."""
    end = settle(book, live, ended, error)
    marked = (replace(line, price_source=PRICE_SOURCE + (line.price_source or _NO_PRICE)) for line in end.cost.lines)
    return replace(end, cost=replace(end.cost, lines=tuple(marked)))


def record(connection: Connection, talks: Sequence[Talk]) -> None:
    """Write the conversations as if they took place now: the books cannot tell."""
    for exchanges in zip_longest(*talks):
        begun = [exchange for exchange in exchanges if exchange is not None]
        for exchange in begun:
            _open(connection, exchange)
        close(connection, [exchange.end for exchange in begun])


def _open(connection: Connection, exchange: Exchange) -> None:
    new = exchange.opening
    open_turn(connection, new)
    for failed, following in exchange.retries:
        step = Advance(new.trace.id, new.run.id, new.trace.started_at, ended=failed, call=following)
        advance(connection, step)
