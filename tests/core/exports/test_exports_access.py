"""Files are for whoever may have them when they are read, whoever holds the link (T10, T25)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import Connection, text

from core.access.roles import Person
from core.access.tokens import TokenDraft, Tokens
from core.analytics.filters import TraceFilter
from core.clock import now
from core.errors import AppError, NotAllowed, NotSignedIn
from core.exports.exports import Exports
from core.exports.links import VALID_SECONDS, Links
from core.store.database import Store
from tests.core.analytics.conftest import Books
from tests.core.exports.ledgers import KEY, exports_on
from tests.core.rows import ADMIN, Rows

EVERYTHING = TraceFilter()


def change(store: Store, statement: str, **values: object) -> None:
    def job(connection: Connection) -> None:
        connection.execute(text(statement), values)

    store.write(job).result()


def refused(exports: Exports, link: str) -> tuple[type[AppError], type[AppError]]:
    """How the file is, and how its progress."""
    order = exports.links.read(link, "traces")
    with pytest.raises(AppError) as file:
        exports.begin(order)
    with pytest.raises(AppError) as progress:
        exports.known(order)
    return file.type, progress.type


def test_only_who_may_export_can_order_a_file(books: Books, store: Store) -> None:
    with pytest.raises(NotAllowed, match="You may not download"):
        exports_on(store).order(Person(books.person, "Ada", "operator"), "traces", EVERYTHING, "UTC")


def test_t10_t25_a_link_is_worth_no_more_than_its_maker_is_now(books: Books, store: Store) -> None:
    exports, trace = exports_on(store), books.add()
    link = exports.links.token(exports.order(ADMIN, "traces", EVERYTHING, "UTC"))
    assert trace.encode() in b"".join(exports.begin(exports.links.read(link, "traces")).pieces)
    change(store, "UPDATE users SET role = 'operator' WHERE id = :id", id=ADMIN.id)
    assert refused(exports, link) == (NotAllowed, NotAllowed)
    change(store, "UPDATE users SET role = 'finance', deactivated_at = :at WHERE id = :id", id=ADMIN.id, at=now())
    assert refused(exports, link) == (NotSignedIn, NotSignedIn)
    change(store, "UPDATE users SET deactivated_at = NULL WHERE id = :id", id=ADMIN.id)
    assert exports.begin(exports.links.read(link, "traces")).progress.state == "running"


def test_t10_a_link_made_with_a_token_ends_with_it_and_holds_its_agents_only(books: Books, store: Store) -> None:
    Rows(store).admin()
    exports, tokens, mine = exports_on(store), Tokens(store), books.add()
    other = books.rows.agent(books.person, "Other")
    books.rows.trace(books.person, other, books.rows.conversation(books.person, other))
    draft = TokenDraft("t", "finance", now() + timedelta(days=1), (books.agent,))
    made = tokens.create(ADMIN, draft)
    order = exports.order(tokens.check(made.secret), "traces", EVERYTHING, "UTC")
    link = exports.links.token(order)
    file = b"".join(exports.begin(exports.links.read(link, "traces")).pieces).decode()
    assert (order.rows, file.count("\n"), mine in file) == (1, 2, True)
    tokens.revoke(ADMIN, made.view.id)
    assert refused(exports, link) == (NotSignedIn, NotSignedIn)


def test_t25_a_link_lives_for_minutes_and_no_cookie_is_asked_for(books: Books, store: Store) -> None:
    with time_machine.travel(datetime(2026, 11, 20, tzinfo=UTC), tick=False) as clock:
        exports = exports_on(store)
        link = exports.links.token(exports.order(ADMIN, "traces", EVERYTHING, "UTC"))
        clock.shift(VALID_SECONDS + 1)
        with pytest.raises(NotAllowed, match="expired"):
            exports.links.read(link, "traces")
    with pytest.raises(NotAllowed, match="link is not valid"):
        Links(b"x" + KEY[1:]).read(link, "traces")
