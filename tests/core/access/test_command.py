"""The command that rotates keys, as whoever operates the server runs it."""

import os
import subprocess
import sys
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr

from core.access.credentials import Credentials
from core.access.encryption import EncryptionKeys
from tests.core.access.conftest import House
from tests.house_rules import PROJECT

KEY = "sk-ant-api03-organisation-wide-0001"


def run(url: str, folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    own = {"DATABASE_URL": url, "DATA_DIR": str(folder), "ENCRYPTION_KEYS": "", **more}
    command = [sys.executable, "-m", "core.access", "rotate"]
    return subprocess.run(command, cwd=PROJECT, env=os.environ | own, capture_output=True, text=True, timeout=60)


def test_the_key_in_the_file_is_replaced_beside_a_running_server(sqlite_house: House, tmp_path: Path) -> None:
    path = tmp_path / "encryption.keys"
    vault = Credentials(sqlite_house.store, EncryptionKeys(None, path))
    vault.set(sqlite_house.admin, KEY, organisation=True)
    before = path.read_bytes()
    done = run(sqlite_house.store.url, tmp_path)
    assert (done.returncode, done.stdout.partition(".")[0]) == (0, "1 provider keys are encrypted anew"), done.stderr
    found = vault.key_for(sqlite_house.admin.id)
    assert found is not None
    assert found.secret.get_secret_value() == KEY
    assert path.read_bytes() != before


def test_with_the_wrong_keys_it_says_so_and_changes_nothing(sqlite_house: House, tmp_path: Path) -> None:
    vault = Credentials(sqlite_house.store, EncryptionKeys(None, tmp_path / "encryption.keys"))
    vault.set(sqlite_house.admin, KEY, organisation=True)
    other = Fernet.generate_key().decode()
    failed = run(sqlite_house.store.url, tmp_path, ENCRYPTION_KEYS=other)
    assert failed.returncode == 1
    assert "another key than ENCRYPTION_KEYS holds" in failed.stderr
    assert "Traceback" not in failed.stderr
    vault.check()
    given = EncryptionKeys(SecretStr(other), tmp_path / "none")
    assert not given.is_newest(sqlite_house.ask("SELECT encrypted FROM provider_credentials")[0])
