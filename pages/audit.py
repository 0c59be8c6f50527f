"""Audit: who changed what, newest first."""

from itertools import groupby

import streamlit as st

from core.access.audit import AuditView
from core.access.roles import Permission, allow
from core.wiring import Services
from pages.parts.audit_lines import LINES, Names, sentence
from pages.parts.frame import page
from pages.parts.times import clock, day

PAGE = 50
_OLDER = "audit-older"


def draw_filter(people: dict[str, str]) -> tuple[str | None, tuple[str, str] | None]:
    """Return whose entries are wanted, and of which kind."""
    with st.container(horizontal=True):
        who = st.selectbox(
            "Who",
            people,
            None,
            format_func=people.__getitem__,
            placeholder="Anybody",
            on_change=to_newest,
            label_visibility="collapsed",
        )
        what = st.selectbox(
            "What",
            LINES,
            None,
            format_func=lambda kind: LINES[kind][0],
            placeholder="Anything",
            on_change=to_newest,
            label_visibility="collapsed",
        )
    return who, what


def to_newest() -> None:
    st.session_state.pop(_OLDER, None)


def draw_entries(entries: list[AuditView], names: Names) -> None:
    for date, of_day in groupby(entries, lambda entry: day(entry.at)):
        st.markdown(f"**{date}**")
        with st.container(border=True, gap="xsmall"):
            for entry in of_day:
                st.markdown(f":gray[{clock(entry.at)}] {sentence(entry, names)}")


def draw_pager(shown: list[AuditView], *, more: bool) -> None:
    passed: list[str] = st.session_state.get(_OLDER, [])
    with st.container(horizontal=True):
        if passed:
            st.button("Newer", icon=":material/arrow_back:", on_click=_go_back)
        if more:
            st.button("Older", icon=":material/arrow_forward:", on_click=_go_on, args=(shown[-1].id,))


def _go_on(last: str) -> None:
    st.session_state.setdefault(_OLDER, []).append(last)


def _go_back() -> None:
    st.session_state[_OLDER].pop()


def _names(services: Services) -> Names:
    people = {each.id: each.name for each in services.access.people.list(services.me)}
    return Names(people, {each.id: each.name for each in services.agents.list(services.me, include_inactive=True)})


def main() -> None:
    with page("Audit", "Who changed what, newest first. Entries cannot be changed or removed.") as services:
        allow(services.me, Permission.AUDIT)  # before the names, which are refused for another reason
        names = _names(services)
        who, what = draw_filter(dict(names.people))
        before = next(reversed(st.session_state.get(_OLDER, [])), None)
        found = services.access.audit.list(services.me, before=before, limit=PAGE + 1, actor_id=who, what=what)
        draw_entries(found[:PAGE], names)
        if not found:
            st.info("No entries match.")
        draw_pager(found[:PAGE], more=len(found) > PAGE)


main()
