"""Two doors: the server imports this file for ``app``; each browser session runs it to draw the pages."""

from typing import Literal

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from core.api.app import api_routes
from core.api.guard.guard import guard
from core.lifespan import lifespan
from core.settings import settings
from core.wiring import services
from pages.parts.entrance import draw_reader, draw_way_in, is_inside
from pages.parts.oidc import auth_secrets

if __name__ == "__main__":
    # A character, because without one the icon of the page would be fetched from a server on the internet.
    st.set_page_config(page_icon="\N{SPEECH BALLOON}")
    inside = is_inside()
    of_many: Literal["visible", "hidden"] = "hidden" if settings().auth == "none" else "visible"
    chosen = st.navigation(
        [
            st.Page("pages/chat.py", title="Chat", icon=":material/chat:", default=True),
            st.Page("pages/agents.py", title="Agents", icon=":material/smart_toy:"),
            st.Page("pages/tools.py", title="Tools", icon=":material/build:"),
            st.Page("pages/costs.py", title="Costs", icon=":material/payments:"),
            st.Page("pages/traces.py", title="Traces", icon=":material/receipt_long:"),
            st.Page("pages/people.py", title="People", icon=":material/group:", visibility=of_many),
            st.Page("pages/audit.py", title="Audit", icon=":material/policy:", visibility=of_many),
            st.Page("pages/settings.py", title="Settings", icon=":material/settings:"),
            st.Page("pages/account.py", title="Account", icon=":material/account_circle:"),
        ],
        position="sidebar" if inside else "hidden",
    )
    if inside:
        draw_reader()
        chosen.run()
    else:
        draw_way_in(chosen)
else:
    # Else, until somebody has seen the navigation, Streamlit would serve each file of pages/ by itself, without it.
    PagesManager.uses_pages_directory = False
    app = st.App(
        __file__,
        lifespan=lifespan,
        routes=api_routes(services),
        middleware=guard(settings()),
        secrets=auth_secrets(settings()),
    )
