"""What the running parts know of themselves, read when somebody asks."""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from core.chat.tally import Counts
from core.errors import StoreError
from core.place import VERSION
from core.wiring import Services


class State(Collector):
    """``services`` is asked at each reading; a database that is away leaves out only what it would have said."""

    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def collect(self) -> Iterable[Metric]:
        running = self._services()
        yield from _ended(running.engine.tally.read())
        yield _gauge("turns_live", "Turns that run in this process.", len(running.engine.live()))
        turns, size = running.books.kept.size()
        yield _gauge("kept_turns", "Ended turns in memory that the database has not taken.", turns)
        yield _gauge("kept_bytes", "Their ends; at 64 MB, with those in files, no message is taken.", size)
        waiting, refused = running.books.spooled()
        yield _gauge("spool_bytes", "Ends of turns that wait for the database.", waiting)
        yield _gauge("spool_refused_bytes", "Ends of turns that the database will never take: look into them.", refused)
        yield from _of_database(running)
        yield _build(running)


def _of_database(running: Services) -> Iterator[Metric]:
    try:
        behind = running.refresher.behind()
    except StoreError:
        yield _gauge("database_up", "1 if the database answers, else 0.", 0)
    else:
        yield _gauge("database_up", "1 if the database answers, else 0.", 1)
        yield _gauge("rollup_hours_behind", "Hours whose sums are read from the ledger, this one included.", behind)


def _ended(counts: Counts) -> Iterator[Metric]:
    """Count turns that ended in this process; one that runs is not in them yet."""
    yield _counter(
        "turns_ended", "Turns ended, by status.", ("status",), {(one,): n for one, n in counts.turns.items()}
    )
    labels = ("model", "status", "error_type")
    yield _counter("provider_attempts", "Tries at model calls, by the model that answered.", labels, counts.calls)
    yield _counter(
        "tokens", "Tokens booked, by the model billed; none is in two kinds.", ("model", "kind"), counts.tokens
    )
    yield _counter("cost_nanodollars", "Cost booked, by the model billed, in 10^-9 dollars.", ("model",), counts.nanos)
    yield _counter("unpriced_attempts", "Tries whose cost is not known, and in no sum.", ("model",), counts.unpriced)


def _build(running: Services) -> Metric:
    info = InfoMetricFamily("command_center_build", "What runs here.")
    python, database = platform.python_version(), running.store.dialect
    info.add_metric(
        (), {"version": VERSION, "python": python, "database": database, "provider": running.settings.provider}
    )
    return info


def _gauge(name: str, meaning: str, value: int) -> Metric:
    return GaugeMetricFamily(f"command_center_{name}", meaning, value=value)


def _counter(name: str, meaning: str, labels: tuple[str, ...], values: Mapping[Any, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"command_center_{name}", meaning, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key if isinstance(key, tuple) else (key,), value)
    return family
