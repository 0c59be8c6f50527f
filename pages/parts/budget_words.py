"""A budget in words: its period, how full it is, and where its costs are shown."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from core.analytics.choice import Choice, as_address
from core.budgets.views import BudgetView
from core.chat.budget_room import Room
from pages.parts.figures import exact, money
from pages.parts.markdown import as_text

Fullness: TypeAlias = Literal["room", "little", "none"]

_LITTLE_ROOM_PERCENT: Final = 80
_AGENTS_TOLD: Final = 5

_BADGES: dict[Fullness, tuple[str, str, str]] = {
    "room": ("gray", "", ""),
    "little": ("orange", ":material/hourglass_bottom:", ", little room"),
    "none": ("red", ":material/block:", ", nothing left"),
}
"""Colour, icon and what is added to the per cent."""
_OF: dict[str, str] = {
    "organisation": "Organisation",
    "person": "A person who is gone",
    "agent": "An agent that is gone",
}


def subject(view: BudgetView) -> str:
    """Say whose it is."""
    return view.subject or _OF[view.scope]


def days_of(view: BudgetView) -> tuple[date, date]:
    """Return the first and the last one, on the clocks that the budget goes by."""
    zone = ZoneInfo(view.time_zone)
    return view.window.start.astimezone(zone).date(), _next_period(view) - timedelta(days=1)


def period_name(view: BudgetView) -> str:
    """Such as November 2026, Mon 16 – Sun 22 November, Saturday 21 November."""
    first, last = days_of(view)
    if view.period == "month":
        return f"{first:%B %Y}"
    if view.period == "day":
        return f"{first:%A %-d %B}"
    return f"{first:%a %-d}{'' if first.month == last.month else f' {first:%B}'} – {last:%a %-d %B}"


def money_counted(view: BudgetView) -> str:
    """Say whose money it is about."""
    return "Real money alone." if view.counts == "real" else "Simulated money too, until real money is spent."


def resets_on(view: BudgetView) -> str:
    return f"{_next_period(view):%A %-d %B}"


def percent(view: BudgetView) -> int:
    """Return whole per cent of the limit that are spent or held; rounded down, so that 100 is really all of it."""
    return view.taken * 100 // view.limit


def fullness(view: BudgetView) -> Fullness:
    used = percent(view)
    return "none" if used >= 100 else "little" if used >= _LITTLE_ROOM_PERCENT else "room"


def badge(view: BudgetView) -> str:
    """Return the badge as Markdown: what the colour says is said in words, too."""
    color, icon, more = _BADGES[fullness(view)]
    least = "at least " if view.unpriced else ""
    return f":{color}-badge[{icon} {least}{percent(view):,} % used{more}]"


def sums(view: BudgetView) -> str:
    """Say in Markdown what is spent, held, held as spent and left of the limit."""
    held = f" · {money(view.reserved, None)} held by answers under way" if view.reserved else ""
    unknown = view.unpriced and not view.spent
    spent = "An unknown sum" if unknown else f"**{money(view.spent, None)}**"
    held_as_spent = f" · {money(view.held_as_spent, None)} held as spent" if view.held_as_spent else ""
    return f"{spent} spent{held_as_spent}{held} · {_left(view)} **{money(view.limit, None)}**"


def exact_sums(view: BudgetView) -> str:
    """Return all nine decimals, and what is meant by held."""
    as_spent = view.held_as_spent
    held = f"Held as spent: {exact(as_spent)}, the most that replies without a price can cost. " if as_spent else ""
    held += f"Held: {exact(view.reserved)} for what answers under way may still cost. " if view.reserved else ""
    return f"Spent: {exact(view.spent)}. {held}Left: {exact(view.left)}. Limit: {exact(view.limit)}."


def _left(view: BudgetView) -> str:
    over = view.taken - view.limit
    if over > 0:
        return f"{money(over, None)} over the limit of"
    most = "at most " if view.unpriced and view.left else ""
    return f"{most}{money(view.left, None)} left of"


def consequence(view: BudgetView) -> str:
    """Say what follows once it is full; empty before, and if it only warns."""
    if fullness(view) != "none" or not view.blocks:
        return ""
    return f"What it has no room for is refused. It resets on {resets_on(view)}."


def unpriced(view: BudgetView) -> str:
    """Say what has no price; empty if the price of all is known."""
    if not view.unpriced:
        return ""
    lines = "1 ledger line has" if view.unpriced == 1 else f"{view.unpriced:,} ledger lines have"
    if view.held_as_spent:
        return f"{lines} no price. The most it can be counts as spent until there is one."
    return f"More was spent: {lines} no price."


def overrun(view: BudgetView, found: Sequence[Room]) -> str:
    """Say by how much a typical reserve may be passed; empty for a strict one."""
    if view.reserve != "typical" or not view.blocks:
        return ""
    largest = max(found, key=lambda room: room.over, default=None)
    now = f" Answers under way may pass it by {money(view.overrun, None)} now." if view.overrun else ""
    most = (
        f" A reply of {as_text(largest.agent)} may cost {money(largest.over, None)} more."
        if largest and largest.over
        else ""
    )
    return f"Typical replies are held, so the limit may be passed.{most}{now}"


def beyond(view: BudgetView, found: Sequence[Room]) -> list[str]:
    """Say what the provider's own tools mean for it: what they may read, which is held, and what is not counted."""
    reading = [room for room in found if room.most_read is not None and view.reserve == "strict"]
    coded = [room for room in found if room.uncounted]
    told = []
    if reading:
        most = max(room.most_read or 0 for room in reading)
        told.append(
            f"{_named(reading)} may read up to {most:,} tokens in one call with tools that run at Anthropic, and all "
            "of it is held. To hold less, let it hold a typical reply."
        )
    if coded:
        told.append(f"Time of code that {_named(coded)} runs at Anthropic is billed apart and not counted.")
    return told


def _named(found: Sequence[Room]) -> str:
    more = [f"{len(found) - _AGENTS_TOLD} more"] if len(found) > _AGENTS_TOLD else []
    *names, last = [as_text(room.agent) for room in found[:_AGENTS_TOLD]] + more
    return f"{', '.join(names)} and {last}" if names else last


def no_room(found: Sequence[Room]) -> list[str]:
    """Return a sentence for each agent that is refused now."""
    return [
        f"No room left for {as_text(room.agent)}."
        if room.holds is not None
        else f"{as_text(room.agent)} is refused: no price is known for its model."
        for room in found
        if not room.has_room
    ]


def refused_from(found: Sequence[Room]) -> str:
    """Say from where on it refuses which agents that it still has room for; empty if there is none."""
    ahead = [room for room in found if room.has_room and room.until is not None]
    told = [f"{as_text(room.agent)} from {money(room.until, None)} on" for room in ahead[:_AGENTS_TOLD]]
    more = len(ahead) - len(told)
    rest = [f"{more} more later"] if more else []
    return f"Refuses {', '.join([*told, *rest])}." if told else ""


def refusals(view: BudgetView) -> list[str]:
    """Return how often whom on which day, of the present period."""
    return [f"{each.day:%a %-d %B}: {as_text(each.agent)} was refused {_times(each.refused)}" for each in view.refusals]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def costs_address(view: BudgetView, default_zone: ZoneInfo) -> dict[str, list[str]]:
    """Return the address of Costs, for the same subject and period."""
    first, last = days_of(view)
    subjects = () if view.subject_id is None else (view.subject_id,)
    people, agents = (subjects if view.scope == scope else () for scope in ("person", "agent"))
    counted = ("real",) if view.counts == "real" else ("real", "simulated")
    choice = Choice(ZoneInfo(view.time_zone), first, last, preset="", people=people, agents=agents, provenances=counted)
    return as_address(choice, default_zone)


def little_room(views: Sequence[BudgetView], person_id: str) -> str:
    """Say in Markdown how near the fullest of the person's own budgets is to its end; empty while there is room."""
    own = [view for view in views if view.subject_id == person_id and fullness(view) != "room"]
    if not own:
        return ""
    view = max(own, key=lambda view: view.share)
    said = f"Your budget for {period_name(view)}: {_left(view)} {money(view.limit, None)}"
    return ". ".join(filter(None, (said, consequence(view).rstrip(".")))) + "."


def _next_period(view: BudgetView) -> date:
    """Return the first day that is not in it any more."""
    return view.window.end.astimezone(ZoneInfo(view.time_zone)).date()
