"""The files of a year over HTTP from the served app, beside a csv.writer over SQLAlchemy's rows and the bare driver."""

import csv
import http.client
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from sqlalchemy import Connection, Select, select

from core.access.local import local_person
from core.analytics.filters import TraceFilter
from core.exports.columns import FILES, ExportFile
from core.exports.links import Links, Order, address, signing_key
from core.store.access import User
from core.store.database import open_store
from core.store.tables import Agent, TaskTrace
from tests.bench.report import Figure, percentile, show
from tests.bench.year import END
from tests.served import Served, served

BASELINE_ROWS = 100_000
YEAR = TraceFilter(start=END - timedelta(days=400), end=END)
MONTH = replace(YEAR, start=END - timedelta(days=30))
_READ_AT_ONCE = 2**20
_traces, _users, _agents = TaskTrace.__table__, User.__table__, Agent.__table__


@dataclass(slots=True)
class Watch:
    """``memory`` are the bytes that the server grew by at most, ``pings`` how many ms its health took to tell."""

    memory: int = 0
    pings: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """``cpu`` are the seconds that this process, or the server, was busy for it."""

    rows: int
    seconds: float
    cpu: float
    first_ms: float

    @property
    def rate(self) -> float:
        return self.rows / self.seconds

    @property
    def cpu_a_row(self) -> float:
        return self.cpu / self.rows * 1e6


def measure(url: str) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder) / "data", DATABASE_URL=url, TIME_ZONE="UTC") as server,
    ):
        links = Links(signing_key(server.data_dir / "signing.key"))
        for file in FILES.values():
            compare(url, server, links, file)


def compare(url: str, server: Served, links: Links, file: ExportFile) -> None:
    with closing(open_store(url)) as store, store.read() as connection:
        plain = baseline(partial(from_sqlalchemy, connection), file)
        bare = baseline(partial(FROM_DRIVER[store.dialect], connection), file)
        dialect, person = store.dialect, local_person(store).id
    before = memory(server)
    with watched(server, before) as idle:
        time.sleep(2)
    _, of_month = download(server, links, Order("month", person, file.name, MONTH, "UTC"), before)
    ours, of_year = download(server, links, Order("year", person, file.name, YEAR, "UTC"), before)
    health = (percentile(watch.pings, 0.95) for watch in (of_year, idle))
    show(
        f"Export of {ours.rows:,} rows, {file.name}, {dialect}; the baselines write the newest {plain.rows:,}",
        [
            Figure("rows, beside SQLAlchemy's and csv", "1/s", ours.rate, plain.rate),
            Figure("rows, beside the driver alone", "1/s", ours.rate, bare.rate),
            Figure("CPU a row, beside SQLAlchemy's and csv", "µs", ours.cpu_a_row, plain.cpu_a_row),
            Figure("CPU a row, beside the driver alone", "µs", ours.cpu_a_row, bare.cpu_a_row),
            Figure("first byte, beside SQLAlchemy's first row", "ms", ours.first_ms, plain.first_ms),
            Figure("memory grown, beside a month's file", "MB", of_year.memory / 1e6, of_month.memory / 1e6),
            Figure("health meanwhile, p95, beside idle", "ms", *health),
        ],
    )


def download(server: Served, links: Links, order: Order, before: int) -> tuple[Reading, Watch]:
    process = psutil.Process(server.process.pid)
    with watched(server, before) as watch, closing(connected(server)) as connection:
        began, cpu = time.perf_counter(), sum(process.cpu_times()[:2])
        connection.request("GET", address(order.file, links.token(order)))
        answer = connection.getresponse()
        assert answer.status == 200
        rows = answer.read(1).count(b"\n") - 1
        first = time.perf_counter() - began
        while piece := answer.read(_READ_AT_ONCE):
            rows += piece.count(b"\n")
        seconds, cpu = time.perf_counter() - began, sum(process.cpu_times()[:2]) - cpu
    return Reading(rows, seconds, cpu, first * 1_000), watch


def connected(server: Served) -> http.client.HTTPConnection:
    at = urlsplit(server.url)
    return http.client.HTTPConnection(str(at.hostname), at.port, timeout=60)


@contextmanager
def watched(server: Served, before: int) -> Iterator[Watch]:
    """The server's memory, beyond those bytes, and its health, ten times a second."""
    watch, over = Watch(), threading.Event()

    def look() -> None:
        with closing(connected(server)) as connection:
            while not over.wait(0.1):
                began = time.perf_counter()
                connection.request("GET", "/_stcore/health")
                connection.getresponse().read()
                watch.pings.append((time.perf_counter() - began) * 1_000)
                watch.memory = max(watch.memory, memory(server) - before)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def memory(server: Served) -> int:
    return int(psutil.Process(server.process.pid).memory_info().rss)


def baseline(write: Callable[[Select[Any]], Iterator[object]], file: ExportFile) -> Reading:
    """Of the same columns, without a word of what makes them safe and exact."""
    source = file.source.join(_users, _users.c.id == _traces.c.owner_id)
    source = source.join(_agents, _agents.c.id == _traces.c.master_agent_id)
    columns = (column.value.label(column.name) for column in file.columns)
    query = select(*columns).select_from(source).order_by(*file.order).limit(BASELINE_ROWS)
    first, rows, began, cpu = 0.0, 0, time.perf_counter(), time.process_time()
    for _ in write(query):
        rows += 1
        first = first or time.perf_counter() - began
    return Reading(rows, time.perf_counter() - began, time.process_time() - cpu, first * 1_000)


def from_sqlalchemy(connection: Connection, query: Select[Any]) -> Iterator[object]:
    with open(os.devnull, "w") as nowhere:
        writer = csv.writer(nowhere)
        for row in connection.execute(query.execution_options(yield_per=1_000)):
            yield writer.writerow(row)


def from_sqlite(connection: Connection, query: Select[Any]) -> Iterator[object]:
    with open(os.devnull, "w") as nowhere:
        writer = csv.writer(nowhere)
        for row in driver_of(connection).execute(bare(connection, query)):
            yield writer.writerow(row)


def from_postgresql(connection: Connection, query: Select[Any]) -> Iterator[object]:
    copied = f"COPY ({bare(connection, query)}) TO STDOUT (FORMAT csv)"
    with open(os.devnull, "wb") as nowhere, driver_of(connection).cursor() as cursor, cursor.copy(copied) as copy:
        for row in copy:
            yield nowhere.write(row)


def driver_of(connection: Connection) -> Any:
    return connection.connection.driver_connection


def bare(connection: Connection, query: Select[Any]) -> str:
    return str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))


FROM_DRIVER = {"sqlite": from_sqlite, "postgresql": from_postgresql}
