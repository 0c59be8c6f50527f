"""What a choice comes to in parts: by agent, model or person, by day or by hour."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from core.analytics.calendar import Range
from core.analytics.choice import Choice
from core.analytics.names import Names
from core.analytics.rollups.pieces import Piece
from core.analytics.rollups.question import Dimension, Question
from core.analytics.rollups.snapshot import Snapshot
from core.analytics.spend import Spend
from core.errors import InputError
from core.quarters import start_of
from core.store.rollups import MEASURES

Step: TypeAlias = Literal["hour", "day"]
Unit: TypeAlias = Dimension | Step

MOST_DAYS: dict[Step, int] = {"hour": 31, "day": 1_100}
"""How many days can be told in such steps at once."""


@dataclass(frozen=True, slots=True)
class Part:
    """``id`` is that of an agent, model or person; of a day its date, of an hour when it begins, in the zone."""

    id: str
    name: str
    spend: Spend


def read_parts(moment: Snapshot, choice: Choice, unit: Unit, names: Names) -> list[Part]:
    """Read the parts that have anything: times in order, else the dearest first.

    Raises InputError for more than are told.
    """
    if unit == "hour" or unit == "day":
        return _by_time(moment, choice, unit)
    sums = moment.ask(Question((choice.range.whole,), MEASURES, choice.filter, unit))
    parts = [Part(id_, names.of(unit, id_), Spend.of(values)) for (_, id_), values in sums.items()]
    return sorted(parts, key=lambda part: (-part.spend.spend, -part.spend.calls, part.name))


def _by_time(moment: Snapshot, choice: Choice, step: Step) -> list[Part]:
    if choice.range.days > MOST_DAYS[step]:
        raise InputError(f"By {step} at most {MOST_DAYS[step]:,} days can be told at once. Choose fewer.")
    buckets = choice.range.each(step)
    sums = moment.ask(Question(buckets, MEASURES, choice.filter))
    names = {slot: _name(choice.range, step, buckets[slot]) for slot, _ in sums}
    return [Part(names[slot], names[slot], Spend.of(sums[slot, ""])) for slot in sorted(names)]


def _name(of: Range, step: Step, bucket: Piece) -> str:
    begins = start_of(bucket.start).astimezone(of.zone)
    return begins.isoformat() if step == "hour" else begins.date().isoformat()
