"""The vault of provider keys: the organisation's or a person's own, encrypted, never shown again."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from pydantic import SecretStr
from sqlalchemy import ColumnElement, Connection, Row, delete, insert, or_, select, text, update

from core.access.audit import record
from core.access.encrypted import encrypted_texts
from core.access.encryption import EncryptionKeys, new_key
from core.access.roles import Permission, Person, allow
from core.access.server_secrets import are_newest, encrypt_again
from core.clock import new_id, now
from core.errors import AppError, InputError, SetupError
from core.logs import keep_from_log
from core.store.access import ProviderCredential, User
from core.store.database import Store
from core.store.text import storable

PROVIDER = "anthropic"
_SHORTEST, _LONGEST, _SHOWN = 20, 500, 4

_keys, _users = ProviderCredential.__table__, User.__table__


@dataclass(frozen=True, slots=True)
class CredentialView:
    """``owner_id`` None means the organisation's; ``test_error`` is why the last test failed, if it did.

    ``created_by`` is the id of the person who entered it, ``creator`` the name.
    """

    id: str
    owner_id: str | None
    last_four: str
    created_at: datetime
    created_by: str
    creator: str
    tested_at: datetime | None
    test_error: str | None


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """``credential_id`` is what the outcome of a test is told with; ``owner_id`` None means the organisation's."""

    credential_id: str
    owner_id: str | None
    secret: SecretStr


CredentialViews: TypeAlias = list[CredentialView]


class Credentials:
    def __init__(self, store: Store, keys: EncryptionKeys) -> None:
        self._store, self._encryption = store, keys

    def check(self) -> None:
        """Raise SetupError if a key in the database cannot be read; called before anything is served.

        Raises SetupError if a key in the database cannot be read.
        """
        with self._store.read() as connection:
            kept = connection.execute(select(_keys.c.encrypted)).scalars().all()
        for encrypted in kept:
            self._encryption.decrypt(encrypted)

    def list(self, by: Person) -> CredentialViews:
        """Return the organisation's and one's own. Raises NotAllowed."""
        allow(by, Permission.OWN_ACCESS)
        theirs = or_(_keys.c.owner_id.is_(None), _keys.c.owner_id == by.id)
        query = select(_keys, _users.c.name).outerjoin(_users, _users.c.id == _keys.c.created_by).where(theirs)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(_keys.c.owner_id.is_not(None)))
            return [_view(row, row.name or "") for row in rows]

    def acceptable(self, by: Person, secret: str, *, organisation: bool) -> str:
        """Return the key as it would be kept. Raises InputError, NotAllowed."""
        _allow(by, organisation)
        secret = _checked(secret)
        keep_from_log(secret)
        return secret

    def set(self, by: Person, secret: str, *, organisation: bool) -> CredentialView:
        """Keep it in place of the one before. Raises InputError, NotAllowed, SetupError."""
        secret = self.acceptable(by, secret, organisation=organisation)
        owner_id = None if organisation else by.id

        def job(connection: Connection) -> CredentialView:
            _one_at_a_time(connection)
            connection.execute(delete(_keys).where(_owned_by(owner_id)))
            row: dict[str, Any] = {"id": new_id(), "owner_id": owner_id, "last_four": secret[-_SHOWN:]}
            row |= {
                "provider": PROVIDER,
                "encrypted": self._encryption.encrypt(secret),
                "created_at": now(),
                "created_by": by.id,
            }
            made = connection.execute(insert(_keys).returning(_keys), row).one()
            record(connection, by, "set", ("credential", made.id), owner_id=owner_id, last_four=made.last_four)
            return _view(made, by.name)

        return self._store.write(job).result()

    def remove(self, by: Person, *, organisation: bool) -> None:
        """Remove the key; it is no error if there is none. Raises NotAllowed."""
        _allow(by, organisation)
        owner_id = None if organisation else by.id

        def job(connection: Connection) -> None:
            _one_at_a_time(connection)
            for (gone,) in connection.execute(delete(_keys).where(_owned_by(owner_id)).returning(_keys.c.id)).all():
                record(connection, by, "removed", ("credential", gone), owner_id=owner_id)

        self._store.write(job).result()

    def key_for(self, person_id: str) -> ProviderKey | None:
        """Return the person's own key, else the organisation's, if there is one. Raises SetupError."""
        return self._opened(_keys.c.owner_id.is_(None) | _owned_by(storable(person_id)))

    def key_of(self, by: Person, *, organisation: bool) -> ProviderKey | None:
        """This one, to be tested. Raises NotAllowed, SetupError."""
        _allow(by, organisation)
        return self._opened(_owned_by(None if organisation else by.id))

    def whose(self, person_id: str) -> Literal["own", "organisation"] | None:
        """Return which one ``key_for`` would give."""
        kept = self._first(_keys.c.owner_id.is_(None) | _owned_by(storable(person_id)))
        return None if kept is None else "organisation" if kept.owner_id is None else "own"

    def anybody(self, *, organisation: bool) -> bool:
        """Return whether the organisation, or any person, has a key here."""
        owned = _keys.c.owner_id.is_(None) if organisation else _keys.c.owner_id.is_not(None)
        with self._store.read() as connection:
            return connection.execute(select(_keys.c.id).where(owned).limit(1)).first() is not None

    def tested(self, credential_id: str, error: str | None) -> None:
        """Note how a test of this very key went; of one that was replaced meanwhile nothing is noted."""
        outcome = {"tested_at": now(), "test_error": error}
        change = update(_keys).where(_keys.c.id == credential_id).values(**outcome)
        self._store.write(lambda connection: connection.execute(change).close()).result()

    def rotate(self, by: Person | None = None) -> int:
        """Encrypt all again, with a new key or the first of ENCRYPTION_KEYS; how many. Raises SetupError, NotAllowed.

        That is also the secrets of servers of tools, which are encrypted with the same keys.

        ``by`` None is a person at the server's console. If it breaks off, doing it again is enough: the old keys are
        forgotten last.
        """
        if by is not None:
            allow(by, Permission.KEYS)
        key = new_key()
        try:
            count = self._store.write(lambda connection: self._encrypt_again(connection, by, key)).result()
        except BaseException:
            with suppress(AppError):
                self._store.write(lambda connection: self._take_back(connection, key)).result()
            raise
        self._store.write(self._forget_old_keys).result()
        return count

    def _encrypt_again(self, connection: Connection, by: Person | None, key: bytes) -> int:
        """Done twice it is as done once; where it fails the file is as it was, if the database is."""
        _one_at_a_time(connection)
        self._encryption.add_to_file(key)
        try:
            return self._all_again(connection, by)
        except BaseException:
            self._encryption.take_from_file(key)
            raise

    def _take_back(self, connection: Connection, key: bytes) -> None:
        """Take the new key back if nobody could say whether it is in use: it goes only if it is not."""
        _one_at_a_time(connection)
        if not any(self._encryption.reads(key, each) for each in encrypted_texts(connection)):
            self._encryption.take_from_file(key)

    def _all_again(self, connection: Connection, by: Person | None) -> int:
        rows = connection.execute(select(_keys.c.id, _keys.c.encrypted)).all()
        for row in rows:
            renewed = {"encrypted": self._encryption.again(row.encrypted)}
            connection.execute(update(_keys).where(_keys.c.id == row.id).values(**renewed))
        count = len(rows) + encrypt_again(connection, self._encryption)
        record(connection, by, "rotated", ("credential", "all"), count=count)
        return count

    def _forget_old_keys(self, connection: Connection) -> None:
        _one_at_a_time(connection)
        kept = connection.execute(select(_keys.c.encrypted)).scalars()
        newest = [self._encryption.is_newest(encrypted) for encrypted in kept]
        if all(newest) and are_newest(connection, self._encryption):
            self._encryption.keep_newest_in_file()

    def _first(self, which: ColumnElement[bool]) -> Row[Any] | None:
        """Return the key that comes first: a person's own before the organisation's."""
        query = select(_keys).where(which).order_by(_keys.c.owner_id.is_(None)).limit(1)
        with self._store.read() as connection:
            return connection.execute(query).first()

    def _opened(self, which: ColumnElement[bool]) -> ProviderKey | None:
        kept = self._first(which)
        try:
            return self._decrypted(kept)
        except SetupError:
            now_kept = self._first(which)
            if now_kept == kept:
                raise
            return self._decrypted(now_kept)  # all were encrypted again in between

    def _decrypted(self, kept: Row[Any] | None) -> ProviderKey | None:
        if kept is None:
            return None
        secret = self._encryption.decrypt(kept.encrypted)
        keep_from_log(secret)
        return ProviderKey(kept.id, kept.owner_id, SecretStr(secret))


def _allow(by: Person, organisation: bool) -> None:
    allow(by, Permission.KEYS if organisation else Permission.OWN_ACCESS)


def _checked(secret: str) -> str:
    secret = secret.strip()
    if not _SHORTEST <= len(secret) <= _LONGEST or not all("!" <= letter <= "~" for letter in secret):
        raise InputError("This is not a provider key. Copy the whole of it, such as sk-ant-…, and nothing else.")
    return secret


def _one_at_a_time(connection: Connection) -> None:
    """No key is set while all are encrypted again, or it would be left with a key that is about to be forgotten."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE provider_credentials IN SHARE ROW EXCLUSIVE MODE"))


def _owned_by(owner_id: str | None) -> ColumnElement[bool]:
    return _keys.c.owner_id.is_(None) if owner_id is None else _keys.c.owner_id == owner_id


def _view(row: Row[Any], creator: str) -> CredentialView:
    return CredentialView(
        id=row.id,
        owner_id=row.owner_id,
        last_four=row.last_four,
        created_at=row.created_at,
        created_by=row.created_by,
        creator=creator,
        tested_at=row.tested_at,
        test_error=row.test_error,
    )
