"""Somebody's API tokens: what each may do, until when, when it was last used; and revoking them."""

from collections.abc import Mapping
from functools import partial

import streamlit as st

from core.access.tokens import TokenView
from core.clock import now
from core.wiring import Services
from pages.parts.confirm import confirm
from pages.parts.markdown import as_text
from pages.parts.times import moment

_REVOKING = "Programs that use it are refused at once, and this cannot be undone."


def draw_tokens(services: Services, person_id: str, agents: Mapping[str, str]) -> None:
    """``agents`` are names by id."""
    tokens = services.access.tokens.list(services.me, person_id)
    alive = [token for token in tokens if token.revoked_at is None and token.expires_at > now()]
    for token in alive:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            _draw(token, agents)
            revoke = partial(_revoke, services, token.id)
            confirm("Revoke", _REVOKING, "Revoke it", revoke, key=f"revoke-{token.id}", icon=":material/key_off:")
    if not alive:
        st.caption("No API tokens yet.")
    if ended := [token for token in tokens if token not in alive]:
        with st.expander(f"{len(ended)} that ended", icon=":material/history:"):
            for token in ended:
                _draw(token, agents)


def _draw(token: TokenView, agents: Mapping[str, str]) -> None:
    end = "revoked" if token.revoked_at else "expires" if token.expires_at > now() else "expired"
    with st.container(gap=None, width="stretch"):
        st.markdown(f"**{as_text(token.name)}** :gray[`{token.prefix}…`]")
        used = f"last used {moment(token.last_used_at)}" if token.last_used_at else "never used"
        until = f"{end} {moment(token.revoked_at or token.expires_at)}"
        consents = " · may consent to tools" if token.consents else ""
        st.caption(f"{token.role}{consents} · {_agents(token, agents)} · {until} · {used}")


def _agents(token: TokenView, agents: Mapping[str, str]) -> str:
    if token.agents is None:
        return "all agents"
    return as_text(", ".join(agents.get(agent, "an agent that is gone") for agent in token.agents))


def _revoke(services: Services, token_id: str) -> None:
    services.access.tokens.revoke(services.me, token_id)
