"""A key's file: whole or not there, one for all who ask at once, for this user alone."""

import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import SetupError
from core.key_file import key_file, write_key_file


def test_all_who_ask_at_once_have_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: key_file(path, lambda: secrets.token_bytes(32)), range(16)))
    assert found == {path.read_bytes()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_that_is_there_is_not_made_anew(tmp_path: Path) -> None:
    write_key_file(tmp_path / "a.key", b"one", replace=False)
    assert key_file(tmp_path / "a.key", lambda: b"two") == b"one"
    write_key_file(tmp_path / "a.key", b"two", replace=False)
    assert (tmp_path / "a.key").read_bytes() == b"one"
    write_key_file(tmp_path / "a.key", b"three", replace=True)
    assert (tmp_path / "a.key").read_bytes() == b"three"
    assert [file.name for file in tmp_path.iterdir()] == ["a.key"]


def test_without_a_folder_the_sentence_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"nowhere/a\.key cannot be used \(No such file"):
        key_file(tmp_path / "nowhere" / "a.key", lambda: b"one")
