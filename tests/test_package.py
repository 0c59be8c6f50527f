"""The wheel: built, installed apart from the checkout, and started in an empty folder as whoever has only that does."""

import os
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.place import VERSION
from tests.house_rules import PROJECT
from tests.served import clean_environment, served

_NOT_PACKED = {"core/installed.py"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-index")
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}", str(PROJECT)], check=True)
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what pip makes of the wheel; its packages come from the environment of the tests."""
    folder = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")
    subprocess.run([*pip, f"--target={folder}", str(wheel)], check=True)
    return folder


def _files(folder: Path) -> Iterator[str]:
    return (str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix != ".pyc" and path.is_file())


def test_the_wheel_holds_every_module_and_file_the_product_reads(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "app.py", "core", "pages", "data", ".streamlit"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    needed = {name for name in tracked if not name.endswith(".png")} - _NOT_PACKED
    assert {f"command_center/{name}" for name in needed} - packed == set()
    assert {name.partition("/")[0] for name in packed} == {"command_center", f"command_center-{VERSION}.dist-info"}


def test_in_an_empty_folder_it_serves_and_keeps_its_data_there(installed: Path, tmp_path: Path) -> None:
    before = set(_files(installed))
    command = (str(installed / "bin" / "command-center"), "serve")
    folder = tmp_path / "empty"
    folder.mkdir()
    with served(folder / "data", command, folder=folder, PYTHONPATH=str(installed)) as server:
        assert b"Everyday Assistant" in urllib.request.urlopen(f"{server.url}/api/agents").read()
        assert server.stop() == 0
    assert (folder / "data" / "app.db").is_file()
    assert {path.name for path in folder.iterdir()} == {"data", server.log.name}
    assert set(_files(installed)) == before


def _ran(installed: Path, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = clean_environment(PYTHONPATH=str(installed))
    command = [str(installed / "bin" / "command-center"), *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_without_data_dir_all_of_it_lies_in_the_folder_it_is_started_in(installed: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=65001\n")
    said = _ran(installed, tmp_path, "doctor")
    assert said.returncode == 0, said.stdout + said.stderr
    assert f"{tmp_path}/data/app.db is not there yet" in said.stdout
    assert "http://127.0.0.1:65001; command-center serve can start there" in said.stdout


def test_its_usage_names_every_command_and_each_has_help(installed: Path, tmp_path: Path) -> None:
    usage = _ran(installed, tmp_path).stdout
    commands = [line.split()[0] for line in usage.splitlines() if line.startswith("  ")]
    assert {"serve", "doctor", "backup", "restore", "access", "rollups", "watch"} <= set(commands)
    for name in ("backup", "access", "rollups", "watch", "reprice"):
        shown = _ran(installed, tmp_path, name, "--help")
        assert (shown.returncode, shown.stdout.startswith("usage: command-center")) == (0, True), shown
    wrong = _ran(installed, tmp_path, "server")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("There is no command server.\n\nusage: command-center COMMAND")
    assert _ran(installed, tmp_path, "--version").stdout == f"Command Center {VERSION}\n"
    assert os.listdir(tmp_path) == []
