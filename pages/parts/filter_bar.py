"""The filter above Costs and Traces. The address is the truth: widgets show it and write it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import streamlit as st

from core.access.roles import Permission, may, scope
from core.analytics.calendar import PRESETS
from core.analytics.choice import LISTS, Choice, as_address, default_choice, read_address
from core.analytics.filters import BASES, STATUSES
from core.analytics.names import Names
from core.clock import now
from core.wiring import Services
from pages.parts.markdown import as_text
from pages.parts.problems import attempt

CUSTOM = "custom"
_WIDTH, _CHOSEN_WIDTH = 142, 230
"""Of each field: all of them fit on one line of a laptop, and two of them on one of a phone; a name needs more."""
PROVENANCE_LABELS = {"real": "real", "simulated": "simulated", "demo": "demo month"}
KEY_LABELS = {"own": "a person's own", "organisation": "the organisation's", "environment": "of the environment"}
_KEPT, _PAGE = "filter-address", "filter-page"
_RANGE, _DAYS, _ZONE, _TEXT = "filter-range", "filter-days", "filter-zone", "filter-text"


def draw_filters(
    services: Services, names: Names, page: str, more: Callable[[Choice], None], *, search: bool = False
) -> Choice:
    """Returns what the address says; what it says wrong is told.

    ``search`` adds a field for text; ``more`` draws what else belongs into the bar.
    """
    zone = ZoneInfo(services.settings.time_zone)
    _keep_across_pages(page)
    choice, problems = read_address(address(), zone, now(), names.options, names.usual)
    for problem in problems:
        st.warning(as_text(problem), icon=":material/filter_alt_off:")
    bar = _Bar(choice, names, zone)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        bar.draw_range()
        bar.draw_list("agent", names.agent, "All agents")
        bar.draw_list("model", names.model, "All models")
        if may(services.me, Permission.ALL_COSTS):
            bar.draw_list("person", names.person, "All people")
        if search:
            bar.draw_search("Words or an id" if scope(services.me).texts else "An id")
        bar.draw_more()
        bar.draw_reset()
        more(choice)
    bar.draw_whose_money()
    return choice


def address() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _keep_across_pages(page: str) -> None:
    """Keep what was chosen on one page for the other, unless that was opened by an address of its own."""
    if st.session_state.get(_PAGE) != page and not st.query_params:
        st.query_params.from_dict(st.session_state.get(_KEPT, {}))
    st.session_state[_PAGE], st.session_state[_KEPT] = page, address()


def choose(choice: Choice, default_zone: ZoneInfo) -> None:
    """Go to the address of that choice; for callbacks."""
    st.query_params.from_dict(as_address(choice, default_zone))


def toggle(choice: Choice, name: str, values: tuple[str, ...]) -> Choice:
    """Filter by these, or not any more if the choice does so already; ``name`` as in LISTS."""
    field = LISTS[name]
    changed: Any = {field: () if getattr(choice, field) == values else values}
    return replace(choice, **changed)


_MONEY = {"real": "real money", "simulated": "simulated answers", "demo": "the demo month"}


def _joined(provenances: Sequence[str]) -> str:
    return " and ".join(_MONEY[each] for each in provenances)


class _Bar:
    def __init__(self, choice: Choice, names: Names, zone: ZoneInfo) -> None:
        self._choice, self._names, self._default_zone = choice, names, zone

    def draw_range(self) -> None:
        options = [*PRESETS, CUSTOM]
        st.session_state[_RANGE] = self._choice.preset or CUSTOM
        st.selectbox(
            "Range",
            options,
            key=_RANGE,
            format_func=lambda name: PRESETS[name].label if name in PRESETS else "Other days",
            on_change=self._take_range,
            width=_WIDTH,
        )
        if not self._choice.preset:
            st.session_state[_DAYS] = (self._choice.first, self._choice.last)
            st.date_input("Days", key=_DAYS, format="YYYY-MM-DD", on_change=self._take_days, width=230)

    def draw_list(self, name: str, labels: Mapping[str, str], placeholder: str) -> None:
        key = f"filter-{name}"
        chosen = list(getattr(self._choice, LISTS[name]))
        st.session_state[key] = chosen
        st.multiselect(
            name.capitalize(),
            list(labels),
            key=key,
            format_func=lambda id_: labels.get(id_, id_),
            placeholder=placeholder,
            on_change=self._take_list,
            args=(name, key),
            width=_CHOSEN_WIDTH if chosen else _WIDTH,
        )

    def draw_search(self, sought: str) -> None:
        st.session_state[_TEXT] = self._choice.text
        st.text_input(
            "Search",
            key=_TEXT,
            placeholder=sought,
            on_change=self._take_text,
            icon=":material/search:",
            width=_WIDTH,
        )

    def draw_more(self) -> None:
        choice = self._choice
        chosen = sum(
            (
                bool(choice.statuses),
                bool(choice.bases),
                choice.provenances != choice.usual,
                bool(choice.key_sources),
                choice.zone != self._default_zone,
            )
        )
        with st.popover(f"More · {chosen}" if chosen else "More", icon=":material/tune:"):
            self.draw_list("status", {status: status for status in STATUSES}, "Any status")
            self.draw_list("basis", {basis: basis for basis in BASES}, "Any basis")
            self.draw_list("provenance", PROVENANCE_LABELS, "Real, simulated and demo")
            self.draw_list("key", KEY_LABELS, "Any key")
            st.session_state[_ZONE] = self._choice.zone.key
            st.selectbox(
                "Time zone",
                sorted(available_timezones()),
                key=_ZONE,
                on_change=self._take_zone,
                help=f"Days and hours are this zone's. The organisation's is {self._default_zone.key}.",
            )

    def draw_whose_money(self) -> None:
        """Say what is left out, or added up together, where there is more than one kind of money."""
        there, chosen = self._names.provenance, self._choice.provenances
        if len(there) < 2:
            return
        shown = [each for each in there if not chosen or each in chosen]
        rest = [each for each in there if each not in shown]
        with st.container(horizontal=True, vertical_alignment="center"):
            if rest:
                only = f"Only {_joined(shown)}" if shown else "Nothing"
                st.caption(f":material/filter_alt: {only} is shown here, without {_joined(rest)}.", width="content")
                st.button("Show all", type="tertiary", on_click=self._take_provenances, args=((),))
            else:
                st.caption(f":material/filter_alt: {_joined(shown).capitalize()} are added up here.", width="content")
                if self._names.usual:
                    st.button("Only real money", type="tertiary", on_click=self._take_provenances, args=(("real",),))

    def _take_provenances(self, chosen: tuple[str, ...]) -> None:
        self._go(replace(self._current(), provenances=chosen))

    def draw_reset(self) -> None:
        usual = default_choice(self._choice.zone, now(), self._names.usual)
        if replace(self._choice, by=usual.by) != usual:
            st.button(
                "Reset", icon=":material/filter_alt_off:", on_click=self._go, args=(usual,), help="Clear all filters"
            )

    def _go(self, choice: Choice) -> None:
        choose(choice, self._default_zone)

    def _current(self) -> Choice:
        """Read the address as it is by now: of several changes at once each callback adds its own."""
        return read_address(address(), self._default_zone, now(), self._names.options, self._names.usual)[0]

    def _take_range(self) -> None:
        name, choice = st.session_state[_RANGE], self._current()
        self._go(replace(choice, preset="") if name == CUSTOM else choice.with_preset(name, now()))

    def _take_days(self) -> None:
        days = st.session_state[_DAYS]
        if len(days) == 2:
            attempt(lambda: self._go(self._current().with_days(*days)))

    def _take_list(self, name: str, key: str) -> None:
        changed: Any = {LISTS[name]: tuple(st.session_state[key])}
        self._go(replace(self._current(), **changed))

    def _take_zone(self) -> None:
        choice = replace(self._current(), zone=ZoneInfo(st.session_state[_ZONE]))
        self._go(choice.with_preset(choice.preset, now()) if choice.preset else choice)

    def _take_text(self) -> None:
        self._go(replace(self._current(), text=st.session_state[_TEXT].strip()))
