"""Dialogs and fragments ask for their reader's standing as pages do, each time they are drawn."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeAlias

import streamlit as st

from core.access.roles import Permission, allow
from core.errors import AppError, NotAllowed, NotSignedIn
from core.wiring import Services
from pages.parts.problems import show_problem

P = ParamSpec("P")

Drawing: TypeAlias = Callable[Concatenate[Services, P], None]


def asks(needs: Permission) -> Callable[[Drawing[P]], Drawing[P]]:
    """Draw for who may; who was signed out or lowered meanwhile gets the page again, which says so."""

    def around(draw: Drawing[P]) -> Drawing[P]:
        @wraps(draw)
        def drawn(services: Services, /, *args: P.args, **named: P.kwargs) -> None:
            if _may(services, needs):
                draw(services, *args, **named)

        return drawn

    return around


def _may(services: Services, needs: Permission) -> bool:
    try:
        allow(services.me, needs)
    except (NotAllowed, NotSignedIn):
        st.rerun()
    except AppError as error:
        show_problem(error)
        return False
    return True
