"""How far a file has come, and the manifest by which a finished one can be checked."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from core.clock import now
from core.exports.columns import FILES
from core.exports.links import Order, filter_parts
from core.exports.reading import Batch
from core.money import Nanos, exact_usd

FORMAT_VERSION = 1
State: TypeAlias = Literal["running", "finished", "failed", "left"]


@dataclass(slots=True)
class Progress:
    """Of one download. ``left`` means that the reader broke it off, ``problem`` says why it failed.

    ``size`` is in bytes, ``cost`` the sum of the rows so far as far as it is known, ``unknown`` how many rows' is not.
    """

    order: Order
    began_at: datetime
    state: State = "running"
    rows: int = 0
    size: int = 0
    cost: Nanos = 0
    unknown: int = 0
    problem: str = ""
    ended_at: datetime | None = None
    hash: Any = field(default_factory=hashlib.sha256, repr=False)

    def add(self, piece: bytes) -> bytes:
        self.size += len(piece)
        self.hash.update(piece)
        return piece

    def add_rows(self, batch: Batch) -> bytes:
        known = [cost for cost in batch.costs if cost is not None]
        self.rows += len(batch.costs)
        self.unknown += len(batch.costs) - len(known)
        self.cost += sum(known)
        return self.add(batch.lines)

    def end(self, state: State, problem: str = "") -> None:
        self.state, self.problem, self.ended_at = state, problem, now()

    def ended_before(self, at: datetime) -> bool:
        return self.ended_at is not None and self.ended_at < at

    @property
    def sha256(self) -> str:
        """Of the bytes so far."""
        return str(self.hash.hexdigest())

    @property
    def file_name(self) -> str:
        """Names the first and last day in the reader's zone, or moments where days are not whole; safe everywhere."""
        order = self.order
        return "_".join([order.file, *_range(order, self.began_at), order.zone.replace("/", "-")]) + ".csv"


def _range(order: Order, began_at: datetime) -> list[str]:
    zone = ZoneInfo(order.zone)
    start, end = order.chosen.start, order.chosen.end or began_at
    last = end.astimezone(zone)
    if last.time() == time():
        last -= timedelta(days=1)
    first = [_moment(start.astimezone(zone)), "to"] if start else ["until"]
    return [*first, _moment(last)]


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H-%M").removesuffix("T00-00")


def as_json(progress: Progress) -> dict[str, Any]:
    return {
        "state": progress.state,
        "rows": progress.rows,
        "rows_expected": progress.order.rows,
        "bytes": progress.size,
        "problem": progress.problem or None,
    }


def manifest(progress: Progress) -> dict[str, Any]:
    """Describe a finished file; money is text, so that no reader rounds it."""
    order, file = progress.order, FILES[progress.order.file]
    return {
        "file": progress.file_name,
        "format": f"command-center {file.name}",
        "format_version": FORMAT_VERSION,
        "created_at": progress.began_at.isoformat(),
        "filter": filter_parts(order.chosen),
        "zone_of_range": order.zone,
        "zone_of_times": "UTC",
        "columns": [{"name": column.name, "meaning": column.meaning} for column in file.columns],
        "rows": progress.rows,
        "rows_of_unknown_cost": progress.unknown,
        "cost_usd": exact_usd(progress.cost),
        "cost_nanos": str(progress.cost),
        "bytes": progress.size,
        "sha256": progress.sha256,
    }
