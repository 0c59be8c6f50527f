"""Not one secret in clear: not in the database, not in the log, not in what a debugger shows."""

import io
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from core.access.credentials import Credentials
from core.access.encryption import EncryptionKeys
from core.access.tokens import TokenDraft
from core.access.visit import Visit
from core.clock import now
from core.errors import AppError
from core.logs import set_up_logging
from tests.core.access.conftest import HOME, House

CHOSEN = "a password nobody else has"
PROVIDERS = "sk-ant-api03-canary-canary-canary"


@dataclass(frozen=True)
class Used:
    """Everything secret that was in use, and what came back with it."""

    secrets: tuple[str, ...]
    returned: tuple[object, ...]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up_logging("debug", stream=stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def used(log: io.StringIO, house: House, tmp_path: Path) -> Used:
    vault = Credentials(house.store, EncryptionKeys(None, tmp_path / "encryption.keys"))
    link = house.people.invite(house.admin, "ada@example.org", "Ada", "operator")
    ada = house.sign_in.accept(link.secret, CHOSEN, HOME)
    reset = house.people.reset(house.admin, ada.session.person.id)
    token = house.tokens.create(house.admin, TokenDraft("script", "admin", now() + timedelta(days=365)))
    key = vault.set(house.admin, PROVIDERS, organisation=True)
    returned: list[object] = [link, ada, reset, token, key, vault.key_for(house.admin.id), Visit("::1", "", ada.cookie)]
    for refused in (
        lambda: house.enter("Ada", CHOSEN + "!", Visit("::1", "", ada.cookie)),
        lambda: house.tokens.check(token.secret + "x"),
        lambda: house.sign_in.accept(link.secret, CHOSEN, HOME),
        lambda: vault.set(house.admin, PROVIDERS + " x", organisation=True),
    ):
        try:
            refused()
        except AppError as error:
            returned += [error, error.__cause__, error.__context__]
    encryption = (tmp_path / "encryption.keys").read_text().strip()
    secrets = (CHOSEN, link.secret, ada.cookie, reset.secret, token.secret, PROVIDERS, encryption)
    return Used(secrets, tuple(returned))


def test_the_database_has_none_of_them(house: House, used: Used) -> None:
    held = _dump(house)
    assert "ada@example.org" in held
    assert [secret for secret in used.secrets if secret in held or secret[4:20] in held] == []


def _dump(house: House) -> str:
    if house.store.dialect == "sqlite":
        with sqlite3.connect(house.store.url.removeprefix("sqlite:///")) as raw:
            return "\n".join(raw.iterdump())
    names = house.ask("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    with house.store.read() as connection:
        return "\n".join(str(connection.execute(text(f'SELECT * FROM "{name}"')).all()) for name in names)


def test_the_log_has_none_of_them_even_if_somebody_writes_them_there(log: io.StringIO, used: Used) -> None:
    for thing in used.returned:
        logging.getLogger("careless").error("%r", thing)
    careful = used.secrets[1:-1]
    logging.getLogger("careless").error("tried %s", " ".join(careful))
    assert "careless" in log.getvalue()
    assert "sign_in_refused" in log.getvalue()
    assert [secret for secret in used.secrets if secret in log.getvalue()] == []


def test_what_a_debugger_shows_has_none_of_them(used: Used) -> None:
    shown = " ".join(repr(thing) + str(thing) for thing in used.returned)
    assert "ada@example.org" not in shown
    assert [secret for secret in used.secrets if secret in shown] == []
