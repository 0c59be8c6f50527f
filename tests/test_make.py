"""The make targets a newcomer meets: which Python they take, what they install, and what they say."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house_rules import PROJECT

_TOO_OLD = "#!/bin/sh\nexit 1\n"
_WITHOUT_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile with a list of requirements that is quickly installed: an empty one."""
    return _checkout(tmp_path)


def _checkout(folder: Path) -> Path:
    shutil.copy(PROJECT / "Makefile", folder)
    (folder / "requirements.txt").touch()
    (folder / "requirements-test.txt").touch()
    (folder / "core").mkdir()
    (folder / "core" / "launch.py").write_text("print('launched')")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A checkout in which ``make run`` was called once, and what that said."""
    folder = _checkout(tmp_path_factory.mktemp("made"))
    return folder, _make(folder, "run", f"PYTHON={sys.executable}").stdout


@pytest.fixture
def ready(made: tuple[Path, str], checkout: Path) -> Path:
    """A checkout whose environment is made and holds what its lists say."""
    shutil.copytree(made[0] / ".venv", checkout / ".venv", symlinks=True)
    return checkout


def _make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """As from a shell, also when these tests themselves run under make."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=110)


def _python(folder: Path, script: str) -> str:
    """A stand-in for a Python, as a variable for make."""
    python = folder / "a-python"
    python.write_text(script)
    python.chmod(0o755)
    return f"PYTHON=no-such-python {python}"


def test_the_environment_is_made_once_and_launched_from(made: tuple[Path, str]) -> None:
    checkout, first = made
    assert first == "Installing requirements.txt into .venv; this takes a minute or two, once.\nlaunched\n"
    (checkout / "requirements.txt").touch()
    assert _make(checkout, "run", "PYTHON=none-is-needed-now").stdout == "launched\n"
    (checkout / "requirements.txt").write_text("# another list\n")
    assert _make(checkout, "run").stdout.startswith("Installing requirements.txt")


def test_an_environment_whose_python_has_gone_is_made_anew(ready: Path) -> None:
    for python in (ready / ".venv" / "bin").glob("python*"):
        python.unlink()
        python.symlink_to("/no/such/python")
    again = _make(ready, "run", f"PYTHON={sys.executable}")
    assert again.stdout == "Installing requirements.txt into .venv; this takes a minute or two, once.\nlaunched\n"


def test_a_failed_installation_is_told_and_tried_again(ready: Path) -> None:
    (ready / "requirements.txt").write_text("no-hash-is-given==1.0\n")
    failed = _make(ready, "run")
    assert failed.returncode != 0
    assert "The packages in requirements.txt could not be installed" in failed.stderr
    (ready / "requirements.txt").write_text("")
    assert _make(ready, "run").stdout.endswith("launched\n")


def test_a_too_old_python_is_one_sentence(checkout: Path) -> None:
    refused = _make(checkout, "run", _python(checkout, _TOO_OLD))
    sentence, makes_own = refused.stderr.splitlines()
    assert sentence.startswith("Command Center needs Python 3.11 or newer, and none of these is that: no-such-python")
    assert makes_own.startswith("make: ***")
    assert (refused.returncode, refused.stdout) == (2, "")


def test_a_python_without_venv_is_one_sentence(checkout: Path) -> None:
    refused = _make(checkout, "run", _python(checkout, _WITHOUT_VENV))
    sentence, _ = refused.stderr.splitlines()
    assert "comes without its venv module" in sentence
    assert "apt-get install python3-venv" in sentence


_APT = ["apt-get -qq update", "apt-get -qq install -y --no-install-recommends chromium-headless-shell"]
_PLAYWRIGHT = ["python -m playwright install chromium"]


@pytest.mark.parametrize(
    ("commands", "called"),
    [
        ({"chromium-headless-shell": 0, "id": "0", "apt-get": 0}, []),
        ({"chromium": 0, "id": "0", "apt-get": 0}, _APT),
        ({"chromium": 0, "id": "0", "apt-get": 1}, _APT[:1]),
        ({"google-chrome": 0, "id": "1000"}, []),
        ({"id": "0", "apt-get": 0}, _APT),
        ({"id": "0", "apt-get": 1}, _APT[:1] + _PLAYWRIGHT),
        ({"id": "1000", "apt-get": 0}, _PLAYWRIGHT),
        ({"id": "0"}, _PLAYWRIGHT),
    ],
)
def test_a_browser_is_the_systems_or_debians_or_playwrights(
    checkout: Path, commands: dict[str, int | str], called: list[str]
) -> None:
    for name, answer in {**commands, "python": 0}.items():
        _stand_in(checkout, name, answer)
    for name in ("requirements.txt", "requirements-test.txt"):
        shutil.copy(checkout / name, checkout / ".venv")
    for needed in ("sh", "cmp"):
        (checkout / ".venv" / "bin" / needed).symlink_to(shutil.which(needed) or needed)
    environment = {"PATH": str(checkout / ".venv" / "bin"), "CALLED": str(checkout / "called")}
    make = shutil.which("make") or "make"
    subprocess.run([make, "--silent", "browser"], cwd=checkout, env=environment, check=True)
    done = (checkout / "called").read_text().splitlines() if (checkout / "called").exists() else []
    assert done == called


def _stand_in(folder: Path, name: str, answer: int | str) -> None:
    """A command that notes how it was called and answers with an exit status or a word."""
    command = folder / ".venv" / "bin" / name
    command.parent.mkdir(parents=True, exist_ok=True)
    does = f"echo {answer}" if isinstance(answer, str) else f'echo "{name} $*" >>"$CALLED"; exit {answer}'
    command.write_text(f"#!/bin/sh\n{does}\n".replace("/bin/sh", shutil.which("sh") or "/bin/sh"))
    command.chmod(0o755)


def test_help_lists_every_command() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert targets
    listed = re.findall(r"^  make (\w+)", _make(PROJECT, "help").stdout, re.MULTILINE)
    assert set(listed) == set(targets[1].split()) - {"browser", "proxy"}


def test_continuous_integration_runs_what_a_developer_runs() -> None:
    assert (PROJECT / ".ci" / "run").read_text().rstrip().endswith("exec make test </dev/null")
    assert os.access(PROJECT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_requirements_are_exact_hashed_and_from_nowhere_in_particular(name: str) -> None:
    text = (PROJECT / name).read_text()
    entries = re.split(r"\n(?=[a-z])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    assert [entry for entry in entries if not re.match(r"[a-z0-9.-]+(\[.*\])?==\S+.*\\\n +--hash=sha256:", entry)] == []
    assert re.search(r"://|^-|file:|/\w+/", text, re.MULTILINE) is None


def test_requirements_hold_what_pyproject_asks_for() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    for name, asked in (
        ("requirements.txt", project["dependencies"]),
        ("requirements-test.txt", project["dependencies"] + project["optional-dependencies"]["test"]),
    ):
        locked = set(re.findall(r"^[a-z0-9-]+==\S+", (PROJECT / name).read_text(), re.MULTILINE))
        assert {re.sub(r"\[.*\]|;.*", "", one).strip() for one in asked} - locked == set()
