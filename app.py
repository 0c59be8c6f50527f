"""Two doors: the server imports this file for ``app``; each browser session runs it to draw the pages."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from core.api.app import api_routes
from core.api.guard.guard import guard
from core.lifespan import lifespan
from core.settings import settings
from core.wiring import services
from pages.parts.oidc import auth_secrets, way_to_provider
from pages.parts.places import PLACES, pages
from pages.parts.reader import is_inside
from pages.parts.rooms import StreamlitRooms

if __name__ == "__main__":
    # A character, because without one the icon of the page would be fetched from a server on the internet.
    st.set_page_config(page_icon="\N{SPEECH BALLOON}")
    st.navigation(pages(), position="sidebar" if is_inside() else "hidden").run()
else:
    # Else, until somebody has seen the navigation, Streamlit would serve each file of pages/ by itself, without it.
    PagesManager.uses_pages_directory = False
    app = st.App(
        __file__,
        lifespan=lifespan,
        routes=api_routes(services, way_to_provider=way_to_provider),
        middleware=guard(
            settings(),
            [place.name for place in PLACES],
            StreamlitRooms(),
            lambda: services().access.sessions,
        ),
        secrets=auth_secrets(settings()),
    )
