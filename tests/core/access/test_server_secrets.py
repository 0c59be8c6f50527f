"""Secrets of servers of tools lie encrypted, also those of before, and are rotated with the provider keys."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import Connection, update

from core.access.access import open_access
from core.access.credentials import Credentials
from core.access.encryption import EncryptionKeys
from core.access.local import local_person
from core.access.server_secrets import seal_all
from core.errors import SetupError
from core.logs import redaction
from core.registry.mcp_registry import McpRegistry, McpServerDraft
from core.settings import Settings
from core.store.database import Store
from core.store.tool_tables import RegisteredMcpServer
from tests.core.access.conftest import at_once

SECRETS = {"X-Key": "canary-of-the-header", "Authorization": "Bearer canary-of-the-token"}
DRAFT = McpServerDraft("wiki", "http", url="https://wiki.example.com/mcp", secrets=SECRETS)
PROVIDERS = "sk-ant-api03-organisation-wide-0001"
_servers = RegisteredMcpServer.__table__


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "encryption.keys"


@pytest.fixture
def registry(store: Store, path: Path) -> McpRegistry:
    return McpRegistry(store, EncryptionKeys(None, path))


def registered(registry: McpRegistry) -> str:
    return registry.register(local_person(registry._store), DRAFT).id


def as_before(store: Store) -> None:
    """As it was written before there was encryption."""

    def job(connection: Connection) -> None:
        connection.execute(update(_servers).values(secrets=SECRETS))

    store.write(job).result()


def in_database(store: Store) -> str:
    with store.read() as connection:
        return json.dumps([dict(row.secrets) for row in connection.execute(_servers.select())])


def headers(registry: McpRegistry) -> dict[str, str]:
    [server] = registry.active()
    return dict(server.headers)


def test_t24_the_database_holds_no_secret_of_a_server_in_clear(store: Store, registry: McpRegistry) -> None:
    server_id, me = registered(registry), local_person(store)
    assert headers(registry) == SECRETS
    registry.change(me, server_id, McpServerDraft("wiki", "http", url=DRAFT.url, secrets=dict.fromkeys(SECRETS)))
    assert headers(registry) == SECRETS
    assert "X-Key" in in_database(store)
    assert "canary" not in in_database(store) + repr(registry.list(me))
    assert "canary" not in redaction([])(f"{SECRETS['X-Key']} {SECRETS['Authorization']}")


def test_t24_what_was_written_before_is_read_and_encrypted_at_the_next_start(
    store: Store, registry: McpRegistry, path: Path
) -> None:
    registered(registry)
    as_before(store)
    path.unlink()
    assert headers(registry) == SECRETS
    assert not path.exists()
    open_access(store, Settings(_env_file=None, data_dir=path.parent))
    assert headers(registry) == SECRETS
    assert "canary" not in in_database(store)
    before = in_database(store)
    seal_all(store, EncryptionKeys(None, path))
    assert in_database(store) == before


def test_with_the_wrong_key_nothing_starts_nor_is_lost(store: Store, registry: McpRegistry, path: Path) -> None:
    registered(registry)
    before = in_database(store)
    other = EncryptionKeys(SecretStr(Fernet.generate_key().decode()), path)
    vault = Credentials(store, other)
    for use in (partial(seal_all, store, other), McpRegistry(store, other).active, vault.rotate):
        with pytest.raises(SetupError, match="another key than ENCRYPTION_KEYS holds"):
            use()
    assert in_database(store) == before


def test_t24_a_rotation_takes_the_servers_along_while_they_are_read_and_changed(
    store: Store, registry: McpRegistry, path: Path
) -> None:
    server_id, me = registered(registry), local_person(store)
    vault = Credentials(store, EncryptionKeys(None, path))
    vault.set(me, PROVIDERS, organisation=True)
    [old] = path.read_bytes().split()
    as_before(store)
    assert vault.rotate() == 3
    assert "canary" not in in_database(store)
    change = partial(registry.change, me, server_id, DRAFT)
    jobs: list[Callable[[], object]] = [vault.rotate, partial(headers, registry), change]
    assert [outcome for outcome in at_once(jobs * 3) if isinstance(outcome, Exception)] == []
    assert headers(registry) == SECRETS
    assert len(path.read_bytes().split()) == 1
    with pytest.raises(SetupError):
        McpRegistry(store, EncryptionKeys(SecretStr(old.decode()), path)).active()
