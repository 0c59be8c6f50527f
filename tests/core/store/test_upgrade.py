"""A database is brought to the newest version whole or not at all, by one process at a time, and never taken back."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from multiprocessing.connection import Connection as Line
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url, text, update
from structlog.testing import capture_logs

from core.errors import MigrationFailed, SchemaTooNew
from core.store.access import AuditEntry
from core.store.attachment_tables import Attachment
from core.store.database import Store, open_store
from core.store.demo import DemoState
from core.store.instances import Instance
from core.store.programs import IdempotencyKey
from core.store.rollups import STATE
from core.store.tables import TaskTrace
from core.store.tool_tables import ToolApproval
from core.store.unsent_tables import UnsentMessage
from core.store.upgrade import MIGRATIONS, VERSIONS, known_versions
from tests.core.store.samples import AT, add_books, mark, marks, numbers
from tests.forked import forked
from tests.house_rules import PROJECT

STEPS = [
    "op.add_column('agents', sa.Column('note', sa.Text()))",
    "op.create_table('extra', sa.Column('id', sa.Integer(), primary_key=True))",
    "op.execute('INSERT INTO extra (id) VALUES (1)')",
    "op.execute(\"UPDATE agents SET note = 'upgraded'\")",
    "op.execute('CREATE INDEX ix_agents_note ON agents (note)')",
]
REBUILD = [
    "with op.batch_alter_table('users') as table:\n        table.alter_column('role', nullable=True)",
    'op.execute("UPDATE users SET role = NULL")',
]
METADATA = {
    table.metadata
    for table in (STATE, ToolApproval, Attachment, AuditEntry, IdempotencyKey, DemoState, Instance, UnsentMessage)
}
[DESCRIBED] = METADATA
NEWEST = known_versions(VERSIONS)[-1]
NEXT = f"{int(NEWEST) + 1:04}"
BREAKS = "op.execute('INSERT INTO nowhere VALUES (1)')"


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """A folder of migrations of our own that starts as the real one."""
    folder = tmp_path / "a folder, with %s" / "versions"
    shutil.copytree(VERSIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def add_version(folder: Path, steps: list[str]) -> None:
    newest = int(known_versions(folder)[-1])
    number = newest + 1
    body = "\n    ".join(steps)
    code = (
        f'"""A step."""\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
        f'revision = "{number:04}"\ndown_revision = "{newest:04}"\n\n\ndef upgrade():\n    {body}\n'
    )
    (folder / f"{number:04}_step.py").write_text(code, "utf-8")


def scalar(store: Store, statement: str) -> Any:
    with store.read() as connection:
        return connection.execute(text(statement)).scalar()


def version(store: Store) -> str:
    return str(scalar(store, "SELECT version_num FROM alembic_version"))


def begin_late(connection: Connection) -> None:
    """Let the trace have begun in the middle of a later hour."""
    connection.execute(update(TaskTrace.__table__).values(started_at=AT + timedelta(hours=2, minutes=35, seconds=7)))


def opened(url: str, versions: Path = VERSIONS) -> Iterator[Store]:
    store = open_store(url, versions=versions)
    yield store
    store.close()


@pytest.fixture
def filled(store: Store) -> str:
    """The URL of a database with rows in it."""
    store.write(add_books).result()
    return store.url


def is_described(name: str | None, *_: object) -> bool:
    """The words to search for are described by their migration alone, because no table of ours can."""
    return not (name or "").startswith("trace_search")


def test_the_migrations_lead_to_the_tables(store: Store) -> None:
    with store.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_name": is_described}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, DESCRIBED) == []


def test_a_difference_between_migrations_and_tables_would_be_seen(store: Store) -> None:
    def change(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE agents ADD COLUMN note TEXT"))
        connection.execute(text("DROP INDEX ix_ledger_lines_billed"))

    store.write(change).result()
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_described})
        found = compare_metadata(context, DESCRIBED)
    assert {difference[0] for difference in found} == {"remove_column", "add_index"}


def test_file_names_and_revisions_agree() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [known_versions(VERSIONS)[-1]]
    assert sorted(step.revision for step in script.walk_revisions()) == known_versions(VERSIONS)


def test_a_new_version_is_reached_with_all_rows(filled: str, versions: Path) -> None:
    add_version(versions, STEPS)
    for store in opened(filled, versions):
        assert version(store) == NEXT
        assert scalar(store, "SELECT note FROM agents") == "upgraded"
        assert scalar(store, "SELECT count(*) FROM ledger_lines") == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_hours_of_traces_are_marked_when_tables_of_latencies_come(
    kind: str, tmp_path: Path, new_database: Callable[[str], str], versions: Path
) -> None:
    for later in [file for file in versions.glob("[0-9]*.py") if file.name >= "0005"]:
        later.unlink()
    url = new_url(kind, tmp_path, new_database)
    for store in opened(url, versions):
        store.write(add_books).result()
        store.write(begin_late).result()
    for store in opened(url):
        assert set(numbers(store)) == {2}


def test_a_table_that_others_point_at_can_be_rebuilt(filled: str, versions: Path) -> None:
    add_version(versions, REBUILD)
    for store in opened(filled, versions):
        assert scalar(store, "SELECT count(*) FROM users WHERE role IS NULL") == 1
        assert scalar(store, "SELECT count(*) FROM conversations") == 1


def test_a_rebuild_that_loses_rows_others_point_at_is_undone(sqlite_store: Store, versions: Path) -> None:
    sqlite_store.write(add_books).result()
    add_version(versions, ["op.execute('DELETE FROM users')"])
    with pytest.raises(MigrationFailed, match="points at a row of users"):
        open_store(sqlite_store.url, versions=versions)
    assert scalar(sqlite_store, "SELECT count(*) FROM users") == 1


@pytest.mark.parametrize("before", range(len(STEPS) + 1))
def test_a_migration_that_fails_leaves_the_old_version_in_use(filled: str, versions: Path, before: int) -> None:
    add_version(versions, [*STEPS[:before], BREAKS, *STEPS[before:]])
    with pytest.raises(MigrationFailed, match=r"failed and was undone.*nowhere"):
        open_store(filled, versions=versions)
    (versions / f"{NEXT}_step.py").unlink()
    for store in opened(filled, versions):
        assert version(store) == NEWEST
        store.write(mark()).result()
        assert (marks(store), scalar(store, "SELECT count(*) FROM ledger_lines")) == (1, 1)
    add_version(versions, STEPS)
    for store in opened(filled, versions):
        assert (version(store), marks(store)) == (NEXT, 1)
        assert scalar(store, "SELECT count(*) FROM extra") == 1


def test_of_several_new_versions_all_or_none_are_taken(filled: str, versions: Path) -> None:
    add_version(versions, STEPS)
    add_version(versions, [BREAKS])
    with pytest.raises(MigrationFailed):
        open_store(filled, versions=versions)
    shutil.rmtree(versions)
    shutil.copytree(VERSIONS, versions)
    for store in opened(filled, versions):
        assert version(store) == NEWEST


def test_an_error_that_is_not_the_databases_is_told_too(filled: str, versions: Path) -> None:
    add_version(versions, [*STEPS, "raise KeyError('a slip')"])
    with pytest.raises(MigrationFailed, match="KeyError: 'a slip'"):
        open_store(filled, versions=versions)
    (versions / f"{NEXT}_step.py").unlink()
    for store in opened(filled, versions):
        assert version(store) == NEWEST


def test_a_first_start_that_fails_can_be_repeated(tmp_path: Path, versions: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    add_version(versions, [BREAKS])
    with pytest.raises(MigrationFailed):
        open_store(url, versions=versions)
    (versions / f"{NEXT}_step.py").unlink()
    for store in opened(url, versions):
        assert version(store) == NEWEST


def test_a_database_of_a_newer_program_is_refused_and_left_alone(filled: str, versions: Path) -> None:
    add_version(versions, STEPS)
    open_store(filled, versions=versions).close()
    (versions / f"{NEXT}_step.py").unlink()
    with pytest.raises(SchemaTooNew, match=f"{NEXT}.*{NEWEST}.*newer"):
        open_store(filled, versions=versions)
    add_version(versions, STEPS)
    for store in opened(filled, versions):
        assert scalar(store, "SELECT note FROM agents") == "upgraded"


def test_a_filled_sqlite_database_is_copied_before_its_upgrade(sqlite_store: Store, versions: Path) -> None:
    sqlite_store.write(add_books).result()
    path = Path(str(make_url(sqlite_store.url).database))
    add_version(versions, STEPS)
    open_store(sqlite_store.url, versions=versions).close()
    copy = path.with_name(f"app-version-{NEWEST}.db")
    before = sqlite3.connect(copy)
    assert before.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST,)]
    assert before.execute("SELECT count(*) FROM ledger_lines").fetchall() == [(1,)]
    assert before.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    before.close()
    assert copy.stat().st_mode == path.stat().st_mode


def test_the_copy_is_named_when_the_upgrade_fails(sqlite_store: Store, versions: Path, tmp_path: Path) -> None:
    add_version(versions, [BREAKS])
    with pytest.raises(MigrationFailed, match=f"A copy from before lies in {tmp_path}/app-version-{NEWEST}.db"):
        open_store(sqlite_store.url, versions=versions)


def test_without_room_for_the_copy_nothing_is_upgraded(sqlite_store: Store, versions: Path, tmp_path: Path) -> None:
    (tmp_path / f"app-version-{NEWEST}.db").mkdir()
    add_version(versions, STEPS)
    with pytest.raises(MigrationFailed, match=r"could not be copied.*nothing was changed"):
        open_store(sqlite_store.url, versions=versions)
    assert version(sqlite_store) == NEWEST
    assert list(tmp_path.glob("*.part")) == []


def test_a_new_database_is_not_copied(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path / 'new.db'}").close()
    assert [file.name for file in tmp_path.iterdir()] == ["new.db"]


def migrate(line: "Line[list[str], None]", url: str) -> None:
    with capture_logs() as logs:
        open_store(url).close()
    line.send([entry["event"] for entry in logs])


def new_url(kind: str, tmp_path: Path, new_database: Callable[[str], str]) -> str:
    return f"sqlite:///{tmp_path / 'new.db'}" if kind == "sqlite" else new_database("template0")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_start_at_once_migrate_once(
    kind: str, tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    url = new_url(kind, tmp_path, new_database)
    with ExitStack() as stack:
        programs = [stack.enter_context(forked(migrate, url)) for _ in range(4)]
        assert sum(program.said().count("database_upgraded") for program in programs) == 1
        assert [program.ended() for program in programs] == [0] * 4
    for store in opened(url):
        assert version(store) == known_versions(VERSIONS)[-1]


def test_an_up_to_date_database_opens_without_alembic(database_url: str) -> None:
    look = "print([name for name in sys.modules if name.startswith('alembic')])"
    code = f"import sys; from core.store.database import open_store; open_store(sys.argv[1]).close(); {look}"
    run = subprocess.run([sys.executable, "-c", code, database_url], cwd=PROJECT, capture_output=True, text=True)
    assert (run.stdout, run.returncode) == ("[]\n", 0), run.stderr
