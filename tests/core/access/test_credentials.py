"""The vault: what is put in is never shown, is used where it should be, and survives new keys."""

import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from core.access.credentials import Credentials
from core.access.encryption import EncryptionKeys
from core.access.roles import Person
from core.errors import InputError, NotAllowed, SetupError
from core.store.database import open_store
from tests.core.access.conftest import House, at_once

KEY = "sk-ant-api03-organisation-wide-0001"
OWN = "sk-ant-api03-ada-alone-0002"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "encryption.keys"


@pytest.fixture
def vault(house: House, path: Path) -> Credentials:
    return Credentials(house.store, EncryptionKeys(None, path))


def secret_for(vault: Credentials, person: Person) -> str | None:
    found = vault.key_for(person.id)
    return None if found is None else found.secret.get_secret_value()


def test_ones_own_key_comes_before_the_organisations(house: House, vault: Credentials) -> None:
    ada, ben = house.person("Ada"), house.person("Ben")
    assert secret_for(vault, ada) is None
    vault.set(house.admin, f"  {KEY}\n", organisation=True)
    vault.set(ada, OWN, organisation=False)
    assert (secret_for(vault, ada), secret_for(vault, ben)) == (OWN, KEY)
    vault.remove(ada, organisation=False)
    assert secret_for(vault, ada) == KEY
    vault.remove(house.admin, organisation=True)
    vault.remove(house.admin, organisation=True)
    assert secret_for(vault, ada) is None


def test_a_new_key_takes_the_place_of_the_old(house: House, vault: Credentials) -> None:
    old = vault.set(house.admin, KEY, organisation=True)
    new = vault.set(house.admin, OWN, organisation=True)
    assert vault.list(house.admin) == [new]
    assert (new.last_four, new.owner_id, new.created_by) == ("0002", None, house.admin.id)
    assert old.id != new.id


def test_keys_set_at_once_leave_one(house: House, vault: Credentials) -> None:
    found = at_once([lambda: vault.set(house.admin, KEY, organisation=True)] * 8)
    assert len({view.id for view in found if not isinstance(view, Exception)}) == 8
    assert len(vault.list(house.admin)) == 1


def test_one_sees_the_organisations_and_ones_own(house: House, vault: Credentials) -> None:
    ada, ben = house.person("Ada"), house.person("Ben")
    vault.set(ada, OWN, organisation=False)
    vault.set(house.admin, KEY, organisation=True)
    assert [view.owner_id for view in vault.list(ada)] == [None, ada.id]
    assert [view.owner_id for view in vault.list(ben)] == [None]


@pytest.mark.parametrize("role", ["operator", "finance"])
def test_only_admins_touch_the_organisations(house: House, vault: Credentials, role: str) -> None:
    eve = house.person("Eve", role)
    for refused in (
        lambda: vault.set(eve, KEY, organisation=True),
        lambda: vault.remove(eve, organisation=True),
        lambda: vault.rotate(eve),
    ):
        with pytest.raises(NotAllowed):
            refused()
    with pytest.raises(NotAllowed, match="API token"):
        vault.set(Person(house.admin.id, "", "admin", "token"), KEY, organisation=True)
    assert vault.list(house.admin) == []


def test_what_is_no_key_is_refused_without_being_repeated(house: House, vault: Credentials) -> None:
    for secret in ("", "sk-ant", "two words that are no key at all", "x" * 501, KEY + "\0", KEY + "é"):
        with pytest.raises(InputError) as refusal:
            vault.set(house.admin, secret, organisation=True)
        assert len(secret) < 7 or secret not in str(refusal.value)
    assert vault.list(house.admin) == []


def test_how_a_test_went_is_kept_for_the_key_that_was_tested(house: House, vault: Credentials) -> None:
    old = vault.set(house.admin, KEY, organisation=True)
    vault.tested(old.id, "authentication_error")
    [view] = vault.list(house.admin)
    assert (view.test_error, view.tested_at is None) == ("authentication_error", False)
    vault.tested(old.id, None)
    assert vault.list(house.admin)[0].test_error is None
    vault.set(house.admin, OWN, organisation=True)
    vault.tested(old.id, "too late")
    [view] = vault.list(house.admin)
    assert (view.test_error, view.tested_at) == (None, None)


def test_t24_the_database_holds_no_key_in_clear(house: House, vault: Credentials) -> None:
    vault.set(house.admin, KEY, organisation=True)
    [kept] = house.ask("SELECT encrypted FROM provider_credentials")
    assert KEY not in kept
    assert KEY[7:20] not in kept
    assert KEY not in repr(vault.key_for(house.admin.id))


def test_the_file_is_for_this_user_alone_and_made_only_when_needed(
    house: House, vault: Credentials, path: Path
) -> None:
    vault.check()
    assert vault.key_for(house.admin.id) is None
    assert not path.exists()
    vault.set(house.admin, KEY, organisation=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(path.name)] == [path.name]


def test_a_key_that_others_may_read_is_refused(house: House, vault: Credentials, path: Path) -> None:
    vault.set(house.admin, KEY, organisation=True)
    path.chmod(0o640)
    with pytest.raises(SetupError, match=f"chmod 600 {path}"):
        vault.check()


def lost(path: Path) -> Iterator[EncryptionKeys]:
    path.unlink()
    yield EncryptionKeys(None, path, lambda: True)
    yield EncryptionKeys(SecretStr(Fernet.generate_key().decode()), path)


def test_with_the_wrong_key_nothing_starts_and_the_sentence_says_what_to_do(
    house: House, vault: Credentials, path: Path
) -> None:
    vault.set(house.admin, KEY, organisation=True)
    for keys, said in zip(lost(path), ("No new one was made", "another key"), strict=True):
        other = Credentials(house.store, keys)
        for use in (other.check, partial(other.key_for, house.admin.id), other.rotate):
            with pytest.raises(SetupError, match=said):
                use()
    assert not path.exists()


@pytest.mark.parametrize("given", ["short", ",", "x" * 44, "é" * 44, "\ud800"])
def test_keys_that_are_none_are_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(SetupError, match=r"ENCRYPTION_KEYS does not hold keys") as refusal:
        EncryptionKeys(SecretStr(given), tmp_path / "none")
    assert given == "," or given not in str(refusal.value)


def test_a_damaged_file_is_named(house: House, vault: Credentials, path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    with pytest.raises(SetupError, match=f"{path} does not hold keys"):
        vault.set(house.admin, KEY, organisation=True)


def test_t24_after_a_rotation_only_the_new_key_opens_anything(house: House, vault: Credentials, path: Path) -> None:
    ada = house.person("Ada")
    vault.set(house.admin, KEY, organisation=True)
    vault.set(ada, OWN, organisation=False)
    old = path.read_bytes()
    assert vault.rotate() == 2
    assert len(path.read_bytes().split()) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (secret_for(vault, ada), secret_for(vault, house.admin)) == (OWN, KEY)
    [line] = old.split()
    former = Credentials(house.store, EncryptionKeys(SecretStr(line.decode()), path))
    with pytest.raises(SetupError):
        former.check()


def test_given_keys_are_rotated_by_putting_a_new_one_first(house: House, path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    Credentials(house.store, EncryptionKeys(SecretStr(old), path)).set(house.admin, KEY, organisation=True)
    assert Credentials(house.store, EncryptionKeys(SecretStr(f"{new}, {old}"), path)).rotate() == 1
    assert secret_for(Credentials(house.store, EncryptionKeys(SecretStr(new), path)), house.admin) == KEY
    assert not path.exists()


def test_rotations_at_once_and_keys_set_meanwhile_lose_nothing(house: House, vault: Credentials, path: Path) -> None:
    ada, stores = house.person("Ada"), [open_store(house.store.url) for _ in range(3)]
    vaults = [Credentials(each, EncryptionKeys(None, path)) for each in stores]
    vault.set(house.admin, KEY, organisation=True)
    done, seen = Event(), set[str | None]()

    def read() -> None:
        while not done.is_set():
            seen.add(secret_for(vault, house.admin))

    reader = Thread(target=read)
    reader.start()
    turns: list[Callable[[], object]] = [partial(each.rotate) for each in vaults]
    turns.append(partial(vault.set, ada, OWN, organisation=False))
    for _ in range(3):
        assert [outcome for outcome in at_once(turns) if isinstance(outcome, Exception)] == []
    done.set()
    reader.join()
    for each in stores:
        each.close()
    assert seen == {KEY}
    assert (secret_for(vault, ada), secret_for(vault, house.admin)) == (OWN, KEY)
    assert len(path.read_bytes().split()) == 1


@pytest.mark.parametrize("breaks", ["again", "keep_newest_in_file"])
def test_a_rotation_that_breaks_off_is_done_again(
    house: House, vault: Credentials, path: Path, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    vault.set(house.admin, KEY, organisation=True)

    def fail(*_: object) -> None:
        raise SetupError("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(EncryptionKeys, breaks, fail)
        with pytest.raises(SetupError, match="disk"):
            vault.rotate()
    assert secret_for(vault, house.admin) == KEY
    assert vault.rotate() == 1
    assert secret_for(vault, house.admin) == KEY
    assert len(path.read_bytes().split()) == 1
