"""The commands of whoever operates the server: rotating keys, setting up the first admin, a forgotten password."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr

from core.access.__main__ import main
from core.access.credentials import Credentials
from core.access.encryption import EncryptionKeys
from core.access.sign_in import SignIn
from core.settings import settings
from core.store.database import Store
from tests.core.access.conftest import HOME, PASSWORD, House
from tests.forked import forked
from tests.house_rules import PROJECT

KEY = "sk-ant-api03-organisation-wide-0001"


@dataclass(frozen=True)
class Said:
    returncode: int
    stdout: str
    stderr: str


def settings_of(url: str, folder: Path, **more: str) -> dict[str, str]:
    return {"DATABASE_URL": url, "DATA_DIR": str(folder), "ENCRYPTION_KEYS": "", **more}


def run(url: str, folder: Path, *task: str, **more: str) -> Said:
    out, err = folder / "said", folder / "complained"
    with forked(_run, settings_of(url, folder, **more), task, out, err) as console:
        return Said(console.ended(), out.read_text(), err.read_text())


def _run(_: object, own: Mapping[str, str], task: Sequence[str], out: Path, err: Path) -> None:
    """As ``python -m core.access`` does."""
    os.environ.update(own)
    settings.cache_clear()  # the process that this one was forked from may have read others
    sys.argv[1:] = task
    sys.stdout, sys.stderr = out.open("w"), err.open("w")
    main()


def test_the_key_in_the_file_is_replaced_beside_a_running_server(sqlite_house: House, tmp_path: Path) -> None:
    path = tmp_path / "encryption.keys"
    vault = Credentials(sqlite_house.store, EncryptionKeys(None, path))
    vault.set(sqlite_house.admin, KEY, organisation=True)
    before = path.read_bytes()
    command, own = [sys.executable, "-m", "core.access", "rotate"], settings_of(sqlite_house.store.url, tmp_path)
    done = subprocess.run(command, cwd=PROJECT, env=os.environ | own, capture_output=True, text=True, timeout=60)
    told = "1 provider keys and secrets of servers were encrypted again"
    assert (done.returncode, done.stdout.partition(".")[0]) == (0, told), done.stderr
    found = vault.key_for(sqlite_house.admin.id)
    assert found is not None
    assert found.secret.get_secret_value() == KEY
    assert path.read_bytes() != before


def test_with_the_wrong_keys_it_says_so_and_changes_nothing(sqlite_house: House, tmp_path: Path) -> None:
    vault = Credentials(sqlite_house.store, EncryptionKeys(None, tmp_path / "encryption.keys"))
    vault.set(sqlite_house.admin, KEY, organisation=True)
    other = Fernet.generate_key().decode()
    failed = run(sqlite_house.store.url, tmp_path, "rotate", ENCRYPTION_KEYS=other)
    assert failed.returncode == 1
    assert "another key than ENCRYPTION_KEYS holds" in failed.stderr
    assert "Traceback" not in failed.stderr
    vault.check()
    given = EncryptionKeys(SecretStr(other), tmp_path / "none")
    assert not given.is_newest(sqlite_house.ask("SELECT encrypted FROM provider_credentials")[0])


def test_the_address_for_the_first_admin_is_printed_until_there_is_one(sqlite_store: Store, tmp_path: Path) -> None:
    done = run(sqlite_store.url, tmp_path, "link", PUBLIC_URL="https://command.test")
    assert (done.returncode, done.stderr) == (0, "")
    secret = link_in(done.stdout)
    SignIn(sqlite_store).set_up(secret, "root@example.org", "Root", PASSWORD, HOME)
    late = run(sqlite_store.url, tmp_path, "link", PUBLIC_URL="https://command.test")
    assert (late.returncode, late.stdout) == (1, "")
    assert late.stderr.startswith("There is an admin already")


def test_a_forgotten_password_is_replaced_by_whoever_holds_the_console(sqlite_house: House, tmp_path: Path) -> None:
    url = sqlite_house.store.url
    done = run(url, tmp_path, "reset", " Root@example.org", PUBLIC_URL="https://command.test")
    assert sqlite_house.sign_in.accept(link_in(done.stdout), "five loud green geese", HOME)
    nobody = run(url, tmp_path, "reset", "nobody@example.org")
    assert (nobody.returncode, nobody.stderr) == (1, "There is no such person.\n")


def link_in(said: str) -> str:
    found = re.match(r"https://command\.test/join\?link=(ccl_[\w-]{43})\n", said)
    assert found
    return found[1]
