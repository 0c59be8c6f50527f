"""The README is true: its commands run, and its tables are those of the code."""

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from core.exports.columns import FILES, FileName
from core.place import PROJECT
from core.provider.simulator.directives import Orders, read_orders
from core.settings import Settings
from core.store.database import open_store
from pages.parts.places import PLACES
from tests.served import clean_environment, served, served_at_once

README = (PROJECT / "README.md").read_text("utf-8")


def _table(heading: str) -> list[list[str]]:
    """The cells of the one table below a heading, its head left out."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def _commands() -> list[str]:
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project as a newcomer has it, with this environment as the one that `make` has set up already."""
    leave_out = shutil.ignore_patterns(".git", ".venv", "tests", "*.db*", "spool", ".*_cache", "__pycache__", ".env")
    copy = shutil.copytree(PROJECT, tmp_path / "command-center", ignore=leave_out)
    environment = copy / ".venv"
    environment.mkdir()
    for part in Path(sys.prefix).iterdir():
        (environment / part.name).symlink_to(part)
    for name in ("requirements.txt", "requirements-test.txt"):
        (environment / name).unlink(missing_ok=True)
        shutil.copy(PROJECT / name, environment)
    return copy


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    expected = [
        [f"`{name.upper()}`", _shown(field.default), field.description] for name, field in Settings.model_fields.items()
    ]
    assert _table("Configuration") == expected


def _shown(default: object) -> str:
    if default is None or default == "":
        return ""
    return f"`{default.relative_to(PROJECT) if isinstance(default, Path) else default}`"


@pytest.mark.parametrize(("heading", "file"), [("traces", "traces"), ("ledger lines", "ledger")])
def test_every_export_column_stands_in_the_table_in_its_order(heading: str, file: FileName) -> None:
    columns = [[f"`{column.name}`", column.meaning] for column in FILES[file].columns]
    assert _table(f"Export columns: {heading}") == columns, "README's table needs a row for each column, in order"


def test_every_page_stands_in_the_table_with_its_address() -> None:
    listed = [[title, address.strip("`")] for title, address in _table("Five minutes")]
    assert listed == _pages(), "README's table needs a row for each page, in order"


def _pages() -> list[list[str]]:
    """Title and address of each; people arrive at the first."""
    return [[place.title, "/" if place is PLACES[0] else f"/{place.name}"] for place in PLACES]


def test_what_contributing_names_is_there() -> None:
    """Files and folders by their paths, and names by the file that is told beside them."""
    told = " ".join((PROJECT / "CONTRIBUTING.md").read_text("utf-8").split())
    paths = re.findall(r"`([\w.]+(?:/[\w.]+)+)`", told)
    assert len(paths) > 20
    assert [path for path in paths if not (PROJECT / path).exists()] == []
    named = re.findall(r"`(\w+)` (?:of|in) `([\w./]+\.(?:py|toml))`", told)
    assert len(named) > 4
    assert [(name, path) for name, path in named if name not in (PROJECT / path).read_text("utf-8")] == []


def test_every_order_to_the_simulator_is_one_it_obeys() -> None:
    orders = re.findall(r"\[\[.*?\]\]", README)
    assert len(orders) >= 3
    assert [order for order in orders if read_orders(order) == Orders()] == []


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md"])
def test_every_link_leads_somewhere(name: str) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", (PROJECT / name).read_text("utf-8"))
    assert [target for target in targets if "://" not in target and not (PROJECT / target).exists()] == []


def test_every_make_command_it_names_exists() -> None:
    named = sorted(
        set(re.findall(r"`(make \w+)`", README)) | {line for line in _commands() if line.startswith("make ")}
    )
    assert {"make run", "make test"} <= set(named)
    for command in named:
        subprocess.run([*command.split(), "--dry-run"], cwd=PROJECT, check=True, capture_output=True)


def test_the_first_command_serves(checkout: Path) -> None:
    first = _commands()[0].split()
    with served(checkout / "data", command=first, folder=checkout) as server:
        server.stop(signal.SIGTERM)
    assert (checkout / "data" / "app.db").is_file()


def test_the_tour_of_the_api_goes_as_it_is_told(tmp_path: Path) -> None:
    [tour] = [block for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL) if "curl" in block]
    with served_at_once(tmp_path / "data", SIMULATOR_PACE="0") as server:
        there = tour.replace("http://localhost:8501", server.url).replace("\n", "\necho; echo =\n")
        run = subprocess.run(["bash", "-euo", "pipefail", "-c", there], capture_output=True, text=True, check=True)
        watch = [sys.executable, "-m", "core", "watch", "Hello", "--agent", "Everyday Assistant", "--url", server.url]
        watched = subprocess.run(watch, cwd=PROJECT, capture_output=True, text=True, check=False)
    answers = [answer.strip() for answer in run.stdout.split("\n=\n") if answer.strip()]
    agents, stream, reply, traces, costs, problem, _ready = answers
    assert '"Everyday Assistant"' in agents
    assert re.findall(r"^event: (session_start|done)$", stream, re.MULTILINE) == ["session_start", "done"]
    assert json.loads(reply)["status"] == "completed"
    assert [each["source"] for each in json.loads(traces)["data"]] == ["api", "api"]
    assert json.loads(costs)["total"]["turns"] == 2
    assert (json.loads(problem)["code"], json.loads(problem)["status"]) == ("not_found", 404)
    assert watched.returncode == 0, watched.stdout + watched.stderr


def test_j1_the_backup_commands_make_a_whole_private_copy_as_often_as_they_run(checkout: Path) -> None:
    store = open_store(f"sqlite:///{checkout / 'data' / 'app.db'}")
    commands = [line for line in _commands() if line.endswith(("core backup backups", "core check"))]
    assert [command.split()[3] for command in commands] == ["backup", "check"]
    for command in [*commands, *commands]:
        subprocess.run(command, shell=True, cwd=checkout, env=clean_environment(), check=True)
    store.close()
    paths = list((checkout / "backups").iterdir())
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o600, 0o600]
    for path in paths:
        with closing(sqlite3.connect(path)) as backup:
            assert backup.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            tables = {name for (name,) in backup.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert {"task_trace", "ledger_lines", "messages"} <= tables


def test_the_commands_for_the_sums_make_them_and_find_them_right(checkout: Path) -> None:
    open_store(f"sqlite:///{checkout / 'data' / 'app.db'}").close()
    commands = [line for line in _commands() if "rollups" in line]
    assert [command.split()[-1] for command in commands] == ["check", "rebuild"]
    for command in reversed(commands):
        subprocess.run(command.split(), cwd=checkout, env=clean_environment(), check=True)
