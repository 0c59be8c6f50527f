"""The demo month: an offer where the books are empty, and a line that says so while it is there."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import streamlit as st

from core.access.roles import Permission, may
from core.clock import now
from core.demo.state import Phase
from core.wiring import Services
from pages.parts.problems import attempt

_OFFER = (
    "**Nothing has been asked yet.** A demo month fills these pages with some 2,500 made-up questions of six people to "
    "six agents, priced by the real price book, so that you can look around. One click takes all of it away again."
)
_LABELS: dict[Phase, str] = {
    "loaded": "This installation shows a **demo month**: what is marked “Demo” is made up.",
    "loading": "A **demo month** is being loaded. If this goes on for a minute, it broke off: finish it or remove it.",
    "removing": "The **demo month** is being removed. If this goes on for a minute, it broke off: remove the rest.",
}


def draw_offer(services: Services) -> None:
    """Offer the demo month; nothing once there is a trace."""
    if not services.demo.offer(services.me):
        return
    with st.container(border=True):
        st.markdown(_OFFER)
        if st.button("Load a demo month", icon=":material/calendar_month:", type="primary"):
            _load(services)


def draw_label(services: Services) -> None:
    """Mark the demo month; nothing while there is none."""
    phase = services.demo.phase(services.me)
    if phase is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/calendar_month: {_LABELS[phase]}", width="content")
        if not may(services.me, Permission.DEMO):
            return
        if phase == "loading" and st.button("Finish loading", type="tertiary"):
            _load(services)
        if st.button("Remove it", icon=":material/delete:", type="tertiary"):
            _run("Removing the demo month …", lambda: services.demo.remove(services.me))


def _load(services: Services) -> None:
    today = now().astimezone(ZoneInfo(services.settings.time_zone)).date()
    _run("Loading the demo month …", lambda: services.demo.load(services.me, today))


def _run(what: str, action: Callable[[], object]) -> None:
    """An error is shown at the top of the page that is drawn again."""
    with st.spinner(what):
        attempt(action)
    st.rerun()
