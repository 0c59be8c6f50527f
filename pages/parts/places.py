"""The pages there are, and for whom: what somebody may not see is not offered, and each page refuses by itself."""

from dataclasses import dataclass
from typing import Literal

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from core.access.roles import Permission, Person, may
from core.errors import AppError
from core.settings import settings
from core.wiring import services
from pages.parts.reader import for_reader


@dataclass(frozen=True, slots=True)
class Place:
    """A page, named as its file is; ``of_many``: without sign-in, when there is only one person, it is of no use."""

    name: str
    title: str
    icon: str
    needs: Permission
    of_many: bool = False


PLACES = (
    Place("chat", "Chat", "chat", Permission.CHAT),
    Place("agents", "Agents", "smart_toy", Permission.CHAT),
    Place("tools", "Tools", "build", Permission.AGENTS),
    Place("costs", "Costs", "payments", Permission.OWN_TRACES),
    Place("budgets", "Budgets", "savings", Permission.OWN_TRACES),
    Place("traces", "Traces", "receipt_long", Permission.OWN_TRACES),
    Place("people", "People", "group", Permission.PEOPLE, of_many=True),
    Place("audit", "Audit", "policy", Permission.AUDIT, of_many=True),
    Place("settings", "Settings", "settings", Permission.KEYS),
    Place("account", "Account", "account_circle", Permission.OWN_ACCESS),
)


def pages() -> list[StreamlitPage]:
    """Return all for the navigation, the first being where people arrive; those of no use to the reader are hidden."""
    me = _me()
    return [
        st.Page(
            f"pages/{place.name}.py",
            title=place.title,
            icon=f":material/{place.icon}:",
            default=place is PLACES[0],
            visibility=_visibility(place, me),
        )
        for place in PLACES
    ]


def _visibility(place: Place, me: Person | None) -> Literal["visible", "hidden"]:
    useless = place.of_many and settings().auth == "none"
    return "hidden" if useless or (me is not None and not may(me, place.needs)) else "visible"


def _me() -> Person | None:
    """Return the reader; None where something is wrong that each page says by itself."""
    try:
        return for_reader(services()).me
    except AppError:
        return None
