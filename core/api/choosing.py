"""Which traces are looked at: the same parameters wherever the books are read."""

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

from core.analytics.calendar import EARLIEST, LATEST
from core.analytics.choice import ALL, LISTS, USUAL_DAYS, Choice, default_choice
from core.analytics.names import Names
from core.api.problems import wrong
from core.api.wire import Given
from core.clock import now
from core.events import CostBasis, Provenance, TurnStatus
from core.provider.request import KeySource


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("not an IANA time zone such as Europe/Berlin")
    return name


def _listed(name: str, meaning: str) -> Any:
    return Field(default=[], alias=name, max_length=100, description=f"{meaning} May come several times.")


def _day(name: str, meaning: str) -> Any:
    return Field(default=None, alias=name, ge=EARLIEST, le=LATEST, description=meaning)


class Filters(Given):
    """All that are given must fit; of one that is given several times, one value."""

    first: date | None = _day("from", "The first day, such as 2026-11-01; usually 30 days with the last one.")
    last: date | None = _day("to", "The last day, included; usually today.")
    zone: Annotated[str, AfterValidator(_known_zone)] | None = Field(
        None, description="The time zone of days and hours; usually the organisation's."
    )
    agents: list[str] = _listed("agent", "Id of an agent that took part.")
    models: list[str] = _listed("model", "A model that was asked.")
    people: list[str] = _listed("person", "Id of who sent the message.")
    statuses: list[TurnStatus] = _listed("status", "How the turn ended, or that it runs.")
    bases: list[CostBasis] = _listed("basis", "How sure the cost is.")
    provenances: list[Provenance | Literal["all"]] = _listed(
        "provenance", "Whose money: usually `real` if there is any besides other, else `all`."
    )
    key_sources: list[KeySource] = _listed("key", "Whose key paid.")

    def choice(self, default_zone: str, names: Names) -> Choice:
        """Raises a problem that names the parameter, also for what there is not, or not for this person."""
        zone = ZoneInfo(self.zone or default_zone)
        usual = default_choice(zone, now(), names.usual)
        last = self.last or max(usual.last, self.first or usual.last)
        first = self.first or max(EARLIEST, last - timedelta(days=USUAL_DAYS - 1))
        if first > last:
            raise wrong("from", f"{first} is after {last}, the last day")
        lists: Any = {field: _known(name, getattr(self, field), names) for name, field in LISTS.items()}
        lists["provenances"] = self._provenances(names)
        return replace(usual.with_days(first, last), **lists)

    def _provenances(self, names: Names) -> tuple[str, ...]:
        if not self.provenances:
            return names.usual
        return () if ALL in self.provenances else tuple(dict.fromkeys(self.provenances))


def _known(name: str, values: Sequence[str], names: Names) -> tuple[str, ...]:
    options: Container[str] = names.options[name]
    if any(value not in options for value in values):
        raise wrong(name, f"there is no such {name}")
    return tuple(dict.fromkeys(values))
