"""Keys that are missing are not made anew over what they encrypted, and a rotation that fails leaves what was (F5)."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from core.access import credentials
from core.access.access import open_access
from core.access.credentials import Credentials
from core.access.encrypted import encrypted_texts, encryption_keys
from core.access.encryption import EncryptionKeys
from core.errors import SetupError, StoreError
from core.settings import Settings
from tests.core.access.conftest import House
from tests.core.access.test_credentials import KEY, secret_for


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "encryption.keys"


@pytest.fixture
def vault(house: House, path: Path) -> Credentials:
    return Credentials(house.store, EncryptionKeys(None, path))


STEPS = [
    (EncryptionKeys, "_write"),
    (EncryptionKeys, "again"),
    (credentials, "encrypt_again"),
    (credentials, "record"),
]


@pytest.mark.parametrize(("where", "step"), STEPS)
def test_f5_a_rotation_that_fails_leaves_what_was(
    house: House, vault: Credentials, path: Path, monkeypatch: pytest.MonkeyPatch, where: object, step: str
) -> None:
    vault.set(house.admin, KEY, organisation=True)
    before, rows = path.read_bytes(), encrypted(house)

    def fail(*_: object, **__: object) -> None:
        raise SetupError("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(where, step, fail)
        with pytest.raises(SetupError, match="disk"):
            vault.rotate()
    assert (path.read_bytes().split(), encrypted(house)) == (before.split(), rows)
    assert secret_for(vault, house.admin) == KEY


@pytest.mark.parametrize("committed", [True, False])
def test_f5_where_nobody_can_say_whether_it_was_committed_no_key_in_use_is_lost(
    house: House, vault: Credentials, path: Path, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    vault.set(house.admin, KEY, organisation=True)
    before, write, calls = path.read_bytes(), house.store.write, list[int]()

    def unsure(job: Any) -> Any:
        calls.append(1)
        if len(calls) > 1:
            return write(job)

        def undone(connection: Connection) -> None:
            job(connection)
            if not committed:
                raise StoreError("The connection broke.")

        write(undone).result()
        raise StoreError("The connection broke.")

    monkeypatch.setattr(house.store, "write", unsure)
    with pytest.raises(StoreError):
        vault.rotate()
    assert secret_for(vault, house.admin) == KEY
    assert (path.read_bytes().split() == before.split()) is not committed
    assert vault.rotate() == 1
    assert len(path.read_bytes().split()) == 1


def encrypted(house: House) -> list[str]:
    with house.store.read() as connection:
        return list(encrypted_texts(connection))


def test_f5_where_anything_is_encrypted_no_key_file_is_made_and_nothing_starts(
    house: House, vault: Credentials, path: Path
) -> None:
    chosen = Settings(_env_file=None, data_dir=path.parent)
    open_access(house.store, chosen)
    assert not path.exists(), "nothing was encrypted yet"
    vault.set(house.admin, KEY, organisation=True)
    path.unlink()
    with pytest.raises(SetupError, match=f"{path} with their keys is missing. No new one was made"):
        open_access(house.store, chosen)
    keys = encryption_keys(house.store, chosen)
    for use in (
        partial(keys.encrypt, "more"),
        partial(keys.decrypt, encrypted(house)[0]),
        Credentials(house.store, keys).rotate,
    ):
        with pytest.raises(SetupError, match="No new one was made"):
            use()
    assert list(path.parent.glob("encryption*")) == []
