"""What was spent, in sums: exact at every moment, and open about what is not known."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from fastapi import APIRouter, Query
from pydantic import Field

from core.analytics.accuracy import Accuracy
from core.analytics.parts import MOST_DAYS, Unit
from core.analytics.spend import Spend
from core.api.caller import Caller, Running
from core.api.choosing import Filters
from core.api.problems import raises, wrong
from core.api.wire import Data, Money, Wire, exactly, with_fields
from core.errors import NotAllowed
from core.units import QUANTITIES

costs = APIRouter(prefix="/api/costs", tags=["costs"])

Grouping: TypeAlias = Literal["model", "agent", "user", "day", "hour"]
_UNITS: dict[Grouping, Unit] = {"model": "model", "agent": "agent", "user": "person", "day": "day", "hour": "hour"}


class CostQuery(Filters):
    by: Grouping = Field("model", description="What each row of the answer is for. Hours: of at most 31 days.")


class Named(Wire):
    id: str = Field(description="Of a model, agent or person; of a day its date, of an hour when it begins.")
    name: str = Field(description="What it is called today.")


class _Amounts(Wire):
    cost: Money | None = Field(description="Null as soon as one call has no known price.")
    known_cost: Money = Field(description="Of the calls whose price is known.")
    unpriced_calls: int = Field(description="Calls without a known price, which are in no sum.")
    estimated_cost: Money = Field(
        description="The part of `knownCost` that is an estimate: of what the provider did not report."
    )
    saved_by_cache: Money = Field(description="What tokens of the cache would have cost more as plain input.")
    calls: int = Field(description="Calls to the provider, repeated ones included.")


if TYPE_CHECKING:

    class Sum(_Amounts):
        """Amounts, and a field for each quantity that the tables of sums count."""

else:
    Sum = with_fields("Sum", _Amounts, dict.fromkeys(QUANTITIES))


class Row(Sum, Named):
    """Of one model, agent, person, day or hour."""


class Total(Sum):
    estimates_within: float | None = Field(
        description="How far estimates may be off: of nine in ten finished replies here they are within this share of "
        "the true count. Null while there are too few."
    )
    turns: int = Field(description="Turns that have ended.")
    conversations: int = Field(description="Those that began in this time.")


class Costs(Data[list[Row]]):
    """``data`` has only what there is anything of: times in order, else the dearest first; ``total`` is their sum."""

    by: Grouping
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    zone: str
    provenance: list[str] = Field(description="Whose money is in it; none: whosever it is.")
    total: Total


@costs.get("", responses=raises(NotAllowed))
def read_costs(services: Running, by: Caller, query: Annotated[CostQuery, Query()]) -> Costs:
    """Read what was spent from one day to another, by model, agent, person, day or hour.

    Callers who may not see what others spent get the sums of their own. Turns that still run are left out, but for
    their calls that have ended. Agents and models choose single calls, all else chooses whole turns.
    """
    names = services.costs.names(by)
    choice = query.choice(services.settings.time_zone, names)
    unit = _UNITS[query.by]
    if (unit == "hour" or unit == "day") and choice.range.days > MOST_DAYS[unit]:
        raise wrong("by", f"by {unit} at most {MOST_DAYS[unit]:,} days are told at once")
    parts = services.costs.parts(by, choice, unit, names)
    total = sum((part.spend for part in parts), Spend())
    return Costs(
        data=[Row(id=part.id, name=part.name, **_sums(part.spend)) for part in parts],
        by=query.by,
        first=choice.first,
        last=choice.last,
        zone=choice.zone.key,
        provenance=list(choice.provenances),
        total=_total(total, services.costs.accuracy()),
    )


def _total(total: Spend, accuracy: Accuracy | None) -> Total:
    within = None if accuracy is None or accuracy.off is None else round(accuracy.off, 3)
    return Total(turns=total.traces, conversations=total.conversations, estimates_within=within, **_sums(total))


def _sums(spend: Spend) -> dict[str, Money | int | None]:
    return {
        "cost": None if spend.unpriced_calls else exactly(spend.spend),
        "known_cost": exactly(spend.spend),
        "unpriced_calls": spend.unpriced_calls,
        "estimated_cost": exactly(spend.estimated),
        "saved_by_cache": exactly(spend.saved),
        "calls": spend.calls,
        **dict(zip(QUANTITIES, spend.quantities, strict=True)),
    }
