"""All that is encrypted in the database, and the keys it is encrypted with."""

from collections.abc import Iterator
from itertools import chain

from sqlalchemy import Connection, select

from core.access.encryption import EncryptionKeys
from core.access.server_secrets import sealed_texts
from core.settings import Settings
from core.store.access import ProviderCredential
from core.store.database import Store

_keys = ProviderCredential.__table__


def encryption_keys(store: Store, chosen: Settings) -> EncryptionKeys:
    """Raises SetupError."""
    return EncryptionKeys(chosen.encryption_keys, chosen.data_dir / "encryption.keys", lambda: _anything(store))


def encrypted_texts(connection: Connection) -> Iterator[str]:
    """Provider keys and servers' secrets."""
    return chain(connection.execute(select(_keys.c.encrypted)).scalars(), sealed_texts(connection))


def _anything(store: Store) -> bool:
    with store.read() as connection:
        return next(encrypted_texts(connection), None) is not None
