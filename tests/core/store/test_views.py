"""The first system's views are there after every upgrade, and no migration can forget them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import RowMapping, text

from core.errors import MigrationFailed
from core.store.database import Store, open_store
from tests.core.store.samples import add_books
from tests.core.store.test_upgrade import NEXT, add_version, new_url, opened, versions

__all__ = ["versions"]


def all_of(store: Store, statement: str) -> list[RowMapping]:
    with store.read() as connection:
        return list(connection.execute(text(statement)).mappings())


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("since", ["", "0021"])
def test_i1_after_an_upgrade_the_first_systems_views_show_what_their_tables_have(
    kind: str, since: str, tmp_path: Path, new_database: Callable[[str], str], versions: Path
) -> None:
    """Also of rows that were there before the views, and whatever a later migration does to the tables."""
    url = new_url(kind, tmp_path, new_database)
    for later in [file for file in versions.glob("[0-9]*.py") if since and file.name >= since]:
        later.unlink()
    for store in opened(url, versions):
        store.write(add_books).result()
    for store in opened(url):
        for table in ("task_trace", "trace_sessions"):
            [seen] = [dict(row) for row in all_of(store, f"SELECT * FROM {table}_v1")]
            [there] = [dict(row) for row in all_of(store, f"SELECT * FROM {table}")]
            assert seen["id"] == there["id"]
            assert round((seen.get("totalCost") or seen.get("cost") or 0) * 10**9) == (there["cost_nanos"] or 0)
            assert str(seen["startedAt"]) == str(there["started_at"])


@pytest.mark.parametrize("table", ["task_trace", "trace_sessions"])
def test_i1_a_rebuild_that_forgets_the_first_systems_views_is_undone(
    sqlite_store: Store, versions: Path, table: str
) -> None:
    """It has to take away the views of its table before, and to make them again after: the test above sees to that."""
    sqlite_store.write(add_books).result()
    rebuild = f"with op.batch_alter_table('{table}') as table:\n        table.alter_column('model', nullable=True)"
    add_version(versions, [rebuild])
    with pytest.raises(MigrationFailed, match=r"failed and was undone.*error in view"):
        open_store(sqlite_store.url, versions=versions)
    (versions / f"{NEXT}_step.py").unlink()
    assert len(all_of(sqlite_store, f"SELECT * FROM {table}_v1")) == 1
