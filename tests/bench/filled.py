"""Databases with a year of traces and their rollups, for the benchmarks that read them.

BENCH_TRACES says how many traces are made (100,000). BENCH_DATABASE says where: ``sqlite``, ``postgresql``, or the
address of a database that tests.bench.generate has filled already; without it, on both.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from core.analytics.rollups.__main__ import rebuild
from core.store.database import open_store
from tests.bench.generate import generate
from tests.postgresql import postgresql

TRACES = 100_000


def filled_databases() -> Iterator[str]:
    """Their addresses, each good until the next one is asked for."""
    chosen = os.environ.get("BENCH_DATABASE")
    for each in [chosen] if chosen else ["sqlite", "postgresql"]:
        with _filled(each) as url:
            yield url


@contextmanager
def _filled(kind: str) -> Iterator[str]:
    match kind:
        case "sqlite":
            with tempfile.TemporaryDirectory() as folder:
                yield _fill(f"sqlite:///{Path(folder) / 'bench.db'}")
        case "postgresql":
            with postgresql() as cluster:
                yield _fill(cluster.url)
        case url:
            yield url


def _fill(url: str) -> str:
    generate(url, int(os.environ.get("BENCH_TRACES", TRACES)))
    with closing(open_store(url)) as store:
        rebuild(store, ZoneInfo("UTC"))
    return url
