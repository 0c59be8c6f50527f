"""A call that waits for consent: what would run with which input, and who may say yes or no."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeAlias

import streamlit as st

from core.agent.loop import shortened
from core.chat.approvals import LONGEST_REASON
from core.wiring import Services
from pages.parts.problems import attempt
from pages.parts.times import clock
from pages.parts.tool_line import readable_name

Decide: TypeAlias = Callable[[str, bool, str], None]

_DECIDED = "decided-approvals"


@dataclass(frozen=True, slots=True)
class Request:
    """``span_id`` is what is approved or denied, ``given`` the call's input as text."""

    span_id: str
    name: str
    given: str
    expires_at: datetime


def draw_request(request: Request, decide: Decide) -> None:
    """Draw the request where the script draws now; ``decide`` gets the span, whether it is approved, and the reason."""
    name = readable_name(request.name)
    if request.span_id in st.session_state.get(_DECIDED, ()):
        st.caption(f":material/hourglass: {name} · your decision is on its way.")
        return
    with st.form(f"approval-{request.span_id}", enter_to_submit=False):
        st.markdown(f":material/front_hand: May {name} run with this input?")
        st.code(shortened(request.given), language="json", wrap_lines=True)
        reason = f"reason-{request.span_id}"
        st.text_input(
            "Reason",
            key=reason,
            max_chars=LONGEST_REASON,
            placeholder="Reason, for the model (optional)",
            label_visibility="collapsed",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            for label, icon, approved in (("Approve", ":material/check:", True), ("Deny", ":material/block:", False)):
                st.form_submit_button(
                    label,
                    key=f"{label.lower()}-{request.span_id}",
                    icon=icon,
                    type="primary" if approved else "secondary",
                    on_click=partial(_submit, decide, request.span_id, approved, reason),
                )
            st.caption(f"Without an answer by {clock(request.expires_at)} it is not run.", width="content")


def _submit(decide: Decide, span_id: str, approved: bool, reason: str) -> None:
    decide(span_id, approved, str(st.session_state.get(reason) or ""))


def decider(services: Services) -> Decide:
    """Decides in the reader's name; what stands against it is shown in the run that follows."""

    def decide(span_id: str, approved: bool, reason: str) -> None:
        attempt(partial(_decide, services, span_id, approved, reason))

    return decide


def _decide(services: Services, span_id: str, approved: bool, reason: str) -> None:
    services.approvals.decide(services.me, span_id, approved=approved, reason=reason)
    st.session_state.setdefault(_DECIDED, set()).add(span_id)
