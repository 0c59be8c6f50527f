"""What a reader has chosen to look at, as the address of a page carries it."""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo, available_timezones

from core.access.roles import Scope
from core.analytics.calendar import DEFAULT_PRESET, EARLIEST, LATEST, PRESETS, Range
from core.analytics.filters import TraceFilter, common
from core.analytics.rollups.question import Dimension
from core.errors import InputError
from core.quarters import start_of

DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
LISTS = {
    "agent": "agents",
    "model": "models",
    "person": "people",
    "status": "statuses",
    "basis": "bases",
    "provenance": "provenances",
    "key": "key_sources",
}
"""Parts of an address that may come several times, and the fields they fill."""
PARTS = ("range", "from", "to", "zone", "by", "q", *LISTS)
"""All that an address may say; ``from`` and ``to`` are the API's words for what ``range`` says in one."""
ALL = "all"
"""As a provenance: whosever money it is."""
USUAL_DAYS = 30
"""How many days end with the last one, where no first one is said."""
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """``preset`` is a name of PRESETS, or empty if ``first`` and ``last`` were picked; ``zone`` is the reader's.

    ``usual`` is whose money is looked at by itself, which an address need not say: see ``Names.usual``.
    """

    zone: ZoneInfo
    first: date
    last: date
    preset: str = DEFAULT_PRESET
    agents: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    provenances: tuple[str, ...] = ()
    key_sources: tuple[str, ...] = ()
    text: str = ""
    by: Dimension = "model"
    usual: tuple[str, ...] = ()

    @property
    def range(self) -> Range:
        return Range(self.first, self.last, self.zone)

    @property
    def filter(self) -> TraceFilter:
        """The same for every page and file."""
        return TraceFilter(
            start=start_of(self.range.start),
            end=start_of(self.range.end),
            agents=self.agents,
            models=self.models,
            people=self.people,
            statuses=self.statuses,
            bases=self.bases,
            provenances=self.provenances,
            key_sources=self.key_sources,
            text=self.text,
        )

    def with_preset(self, name: str, now: datetime) -> "Choice":
        first, last = PRESETS[name].days(now.astimezone(self.zone).date())
        return replace(self, preset=name, first=first, last=last)

    def with_days(self, first: date, last: date) -> "Choice":
        """Raises InputError for a range that cannot be."""
        if first > last:
            raise InputError(f"The range ends on {last}, before it begins on {first}. Choose a later end.")
        if first < EARLIEST or last > LATEST:
            raise InputError(f"Choose days between {EARLIEST} and {LATEST}.")
        return replace(self, preset="", first=first, last=last)

    def stacked(self, by: Dimension) -> "Choice":
        return replace(self, by=by)

    def within(self, limits: Scope) -> "Choice":
        """Limit sums of what single agents did to what may be looked at; a list of traces has limits of its own."""
        agents, people = self.agents, self.people
        if limits.agents is not None:
            agents = common(agents, tuple(sorted(limits.agents)))
        if limits.owner_id is not None:
            people = common(people, (limits.owner_id,))
        return replace(self, agents=agents, people=people)

    def narrowed(self, dimension: Dimension, ids: tuple[str, ...]) -> "Choice":
        """Narrow the choice to these agents, models or people."""
        field: Any = {LISTS[dimension]: ids}
        return replace(self, **field)


def default_choice(zone: ZoneInfo, now: datetime, usual: tuple[str, ...] = ()) -> Choice:
    today = now.astimezone(zone).date()
    return Choice(zone, today, today, provenances=usual, usual=usual).with_preset(DEFAULT_PRESET, now)


def as_address(choice: Choice, default_zone: ZoneInfo) -> dict[str, list[str]]:
    """Return the parts of an address that ``read_address`` turns into the same choice; what is usual is left out."""
    days = choice.preset or f"{choice.first}..{choice.last}"
    single = {
        "range": "" if days == DEFAULT_PRESET else days,
        "zone": "" if choice.zone == default_zone else choice.zone.key,
        "q": choice.text,
        "by": "" if choice.by == "model" else choice.by,
    }
    several = {name: list(getattr(choice, field)) for name, field in LISTS.items()}
    several["provenance"] = [] if choice.provenances == choice.usual else list(choice.provenances) or [ALL]
    return {name: [value] for name, value in single.items() if value} | {
        name: values for name, values in several.items() if values
    }


def read_address(
    parts: Mapping[str, Sequence[str]],
    default_zone: ZoneInfo,
    now: datetime,
    options: Mapping[str, Container[str]],
    usual: tuple[str, ...] = (),
    also: Collection[str] = (),
) -> tuple[Choice, list[str]]:
    """Return the choice, and a sentence for each part that cannot be: such a part is left out.

    ``options`` has what can be chosen under the names of LISTS, ``usual`` whose money is looked at by itself,
    ``also`` what else the page understands.
    """
    problems = [_unknown(name) for name in parts if name not in (*PARTS, *also)]
    problems += [
        f"{name} is said {len(values)} times in the address, and may be said once: {values[-1]} is taken."
        for name, values in parts.items()
        if name in PARTS and name not in LISTS and len(set(values)) > 1
    ]
    single = {name: values[-1].strip() for name, values in parts.items() if values}
    choice = default_choice(_zone(single.get("zone", ""), default_zone, problems), now, usual)
    choice = _with_range(choice, _days(single, choice, problems), now, problems)
    given = {**parts, "provenance": [each for each in parts.get("provenance", ()) if each != ALL]}
    lists: Any = {field: _known(name, given.get(name, ()), options[name], problems) for name, field in LISTS.items()}
    if not parts.get("provenance"):
        lists["provenances"] = usual
    by = _by(single.get("by", ""), choice.by, problems)
    return replace(choice, **lists, by=by, text=_text(single.get("q", ""), problems)), problems


def _unknown(name: str) -> str:
    return f"{name} is not known in an address, so that part is left out. Known are {', '.join(PARTS)}."


def _by(name: str, usual: Dimension, problems: list[str]) -> Dimension:
    """Return what to stack by; the API calls a person user there."""
    known = next((each for each in DIMENSIONS if each == ("person" if name == "user" else name)), None)
    if name and known is None:
        problems.append(f"{name} is nothing to stack by, so {usual} is used. Write {', '.join(DIMENSIONS)}.")
    return known or usual


def _text(text: str, problems: list[str]) -> str:
    if len(text) > _LONGEST_TEXT:
        problems.append(f"The text to search for is cut to its first {_LONGEST_TEXT} characters.")
    return text[:_LONGEST_TEXT]


def _days(single: Mapping[str, str], choice: Choice, problems: list[str]) -> str:
    """Return the days of an address as one range; where only one end is said, the other is what the API takes."""
    first, last = single.get("from", ""), single.get("to", "")
    if not first and not last:
        return single.get("range", "")
    if single.get("range"):
        problems.append("The address says both range and from or to, so range is left out. Say one of them.")
    try:
        end = date.fromisoformat(last) if last else max(choice.last, date.fromisoformat(first))
        begin = date.fromisoformat(first) if first else max(EARLIEST, end - timedelta(days=USUAL_DAYS - 1))
    except (ValueError, OverflowError):
        problems.append(f"{first or last} to {last or 'today'} is no range of days. Write them like 2026-11-20.")
        return ""
    return f"{begin}..{end}"


def _zone(name: str, default: ZoneInfo, problems: list[str]) -> ZoneInfo:
    if not name or name in available_timezones():
        return ZoneInfo(name) if name else default
    problems.append(f"{name} is not a time zone, so {default.key} is used. Zones have names such as Europe/Berlin.")
    return default


def _with_range(choice: Choice, days: str, now: datetime, problems: list[str]) -> Choice:
    if not days:
        return choice
    if days in PRESETS:
        return choice.with_preset(days, now)
    first, _, last = days.partition("..")
    try:
        return choice.with_days(date.fromisoformat(first), date.fromisoformat(last or first))
    except InputError as problem:
        problems.append(problem.for_user)
    except ValueError:
        problems.append(f"{days} is not a range of days. Write it like 2026-11-01..2026-11-20.")
    return choice


def _known(name: str, values: Sequence[str], options: Container[str], problems: list[str]) -> tuple[str, ...]:
    unknown = [value for value in values if value not in options]
    if unknown:
        problems.append(f"There is no {name} {', '.join(unknown)}, so that part of the filter is left out.")
    return tuple(dict.fromkeys(value for value in values if value in options))
