"""Histories put into a database, and what is found there afterwards."""

from typing import Any

from sqlalchemy import select

from core.books.closing import close
from core.books.fence import running
from core.books.recovery import recover
from core.books.values import TraceEnd
from core.chat.new_turn import NewTurn, open_turn
from core.store.database import Store
from tests.core.books.histories import BOOK, a_call, a_finish, a_reply, an_end, an_opening

USAGE = {"input_tokens": 1_000, "output_tokens": 50}


def opened(store: Store, ids: tuple[str, str], **changes: Any) -> NewTurn:
    opening = an_opening(*ids, **changes)
    store.write(lambda connection: open_turn(connection, opening)).result()
    return opening


def finished(store: Store, end: TraceEnd) -> bool:
    return store.write(lambda connection: close(connection, [end])).result()[0]


def recovered(store: Store) -> int:
    """Take all turns that run for lost; returns how many were."""
    with store.read() as connection:
        lost = running(connection)
    return recover(store, BOOK, lost, "the taker")


def completed(opening: NewTurn, words: str = "Much.") -> TraceEnd:
    reply = a_reply(words, USAGE)
    return a_finish(opening, an_end(a_call(opening, reply=reply), "completed"), "completed", reply)


def rows(store: Store, table: Any, **where: Any) -> list[Any]:
    query = select(table.__table__)
    for column, value in where.items():
        query = query.where(table.__table__.c[column] == value)
    with store.read() as connection:
        return list(connection.execute(query).mappings())
