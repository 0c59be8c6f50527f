"""A tool that looks up what this installation spends, no further than the person who asks may see.

It lives here because it joins tools and analytics, which do not know each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import Field

from core.access.roles import scope
from core.agent.tools.tool import Tool, ToolContext
from core.agent.tools.typed import typed_tool
from core.analytics.calendar import Range, last_of_month
from core.analytics.choice import Choice, default_choice
from core.analytics.costs import Costs
from core.analytics.names import Names
from core.analytics.rollups.pieces import Piece
from core.analytics.rollups.question import Dimension, Question
from core.analytics.rollups.snapshot import snapshot
from core.analytics.spend import Spend, known
from core.clock import now
from core.errors import ToolError
from core.money import exact_usd
from core.store.database import Store
from core.store.rollups import MEASURES
from core.units import QUANTITIES, words_for

Period: TypeAlias = Literal["today", "yesterday", "7d", "week", "last-week", "30d", "90d", "month", "last-month", "12m"]
Step: TypeAlias = Literal["day", "week", "month"]
Rows: TypeAlias = list[tuple[str, Spend]]
Chosen: TypeAlias = Annotated[tuple[str, ...], Field(max_length=50)]

_MOST_STEPS = 100


def query_costs(store: Store) -> Tool:
    """Return the tool, on these books."""
    return typed_tool(_Books(store).query_costs)


@dataclass(frozen=True, slots=True)
class _Books:
    store: Store

    def query_costs(
        self,
        asking: ToolContext,
        group_by: Annotated[Dimension | Step | None, Field(description="What each row of the answer is for.")] = None,
        period: Annotated[Period, Field(description="Ignored if first_day is given.")] = "30d",
        first_day: Annotated[date | None, Field(description="The first day of any other period.")] = None,
        last_day: Annotated[date | None, Field(description="Its last day; today if left out.")] = None,
        agents: Annotated[Chosen, Field(description="Names of agents; all if left out.")] = (),
        models: Annotated[Chosen, Field(description="Ids of models; all if left out.")] = (),
        people: Annotated[Chosen, Field(description="Names of people; all who may be seen if left out.")] = (),
    ) -> str:
        """Look up in the books what this installation spends on models: exact dollars, calls and tokens.

        It shows what the person who asks may see: their own spend, or everybody's for finance and admins. Turns that
        are still running are not in it.
        """
        limits, names = scope(asking.by), Costs(self.store).names(asking.by)
        choice = _within(default_choice(ZoneInfo(asking.zone), now(), names.usual), period, first_day, last_day)
        choice = replace(
            choice,
            agents=_ids(agents, names.agent, "agent"),
            models=_ids(models, names.model, "model"),
            people=_ids(people, names.person, "person") if limits.owner_id is None else _own(people),
        ).within(limits)
        whose = "everybody" if limits.owner_id is None else "the person who asks"
        days = f"from {choice.first} to {choice.last} ({choice.zone.key})"
        money = f", {' and '.join(choice.provenances)} money only" if choice.provenances else ""
        return f"Spend of {whose} {days}{money}\n{spend_table(_rows(self.store, choice, names, group_by))}"


def _within(choice: Choice, period: Period, first: date | None, last: date | None) -> Choice:
    today = choice.last
    if first is None and last is not None:
        raise ToolError("Say with first_day where the period begins.")
    return choice.with_preset(period, now()) if first is None else choice.with_days(first, last or max(first, today))


def _own(people: Sequence[str]) -> tuple[str, ...]:
    if people:
        raise ToolError("The person who asks may see their own spend only. Leave people out to show it.")
    return ()


def _ids(wanted: Sequence[str], names: Mapping[str, str], kind: str) -> tuple[str, ...]:
    """Return the ids of those who go by a wanted name, in whatever case; equal names are told apart by an address."""
    called = {id_: {name.casefold(), name.partition(" (")[0].casefold()} for id_, name in names.items()}
    known = set().union(*called.values())
    unknown = [name for name in wanted if name.casefold() not in known]
    if unknown:
        raise ToolError(f"There is no {kind} {', '.join(unknown)}. There are: {', '.join(list(names.values())[:50])}.")
    asked = {name.casefold() for name in wanted}
    return tuple(id_ for id_, each in called.items() if each & asked)


def _rows(store: Store, choice: Choice, names: Names, group_by: Dimension | Step | None) -> Rows:
    match group_by:
        case "day" | "week" | "month":
            steps = list(_steps(choice.range, group_by))
            sums = _sums(store, choice, steps)
            return [(f"{step.first}", sums.get((slot, ""), Spend())) for slot, step in enumerate(steps)]
        case None:
            return [("all", spend) for spend in _sums(store, choice, [choice.range]).values()]
    sums = _sums(store, choice, [choice.range], group_by)
    rows = [(names.of(group_by, id_), spend) for (_, id_), spend in sums.items()]
    return sorted(rows, key=lambda row: (-row[1].spend, -row[1].calls, row[0]))


def _sums(
    store: Store, choice: Choice, ranges: Sequence[Range], by: Dimension | None = None
) -> dict[tuple[int, str], Spend]:
    """Return sums keyed by (range index, group id)."""
    pieces = tuple(Piece(slot, each.start, each.end) for slot, each in enumerate(ranges))
    with snapshot(store) as moment:
        sums = moment.ask(Question(pieces, MEASURES, choice.filter, by))
    return {key: Spend.of(values) for key, values in sums.items()}


def _steps(of: Range, step: Step) -> Iterator[Range]:
    """Days, calendar weeks or months; the first and last may be cut off by the range's ends."""
    if of.days > _MOST_STEPS * {"day": 1, "week": 7, "month": 28}[step]:
        raise ToolError(f"More than {_MOST_STEPS} rows of one {step} each are too many. Group by something longer.")
    first = of.first
    while first <= of.last:
        last = min(of.last, _last_of(step, first))
        yield Range(first, last, of.zone)
        first = last + timedelta(days=1)


def _last_of(step: Step, day: date) -> date:
    match step:
        case "day":
            return day
        case "week":
            return day + timedelta(days=6 - day.weekday())
        case "month":
            return last_of_month(day)


_MOST_ROWS = 100
_COLUMNS = (
    "of",
    "US dollars",
    "of them estimated",
    "model calls",
    "of them without a known price",
    *(words_for(measure) for measure in QUANTITIES),
)


def spend_table(rows: Sequence[tuple[str, Spend]]) -> str:
    """Return a line each, those beyond the first hundred as one, and a line for the total."""
    total = _added_up(rows)
    rest = rows[_MOST_ROWS:]
    shown = [*rows[:_MOST_ROWS], *([(f"{len(rest)} others", _added_up(rest))] if rest else [])]
    lines = [_COLUMNS, *(_cells(*row) for row in [*shown, ("total", total)])]
    table = "\n".join(" | ".join(cells) for cells in lines)
    if not total.unpriced_calls:
        return table
    return f"{table}\nCalls without a known price cost something too; the dollars leave them out."


def _added_up(rows: Sequence[tuple[str, Spend]]) -> Spend:
    return sum((spend for _, spend in rows), Spend())


def _cells(name: str, spend: Spend) -> tuple[str, ...]:
    counts = (spend.calls, spend.unpriced_calls, *spend.quantities)
    spent = known(spend)
    dollars = "unknown" if spent is None else exact_usd(spent)
    one_line = " ".join(name.replace("|", "/").split())
    return (one_line, dollars, exact_usd(spend.estimated), *map(str, counts))
