"""What every page has in common: its services, its title, and who is answering."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.errors import AppError
from core.wiring import Services, services
from pages.parts.entrance import draw_reader, draw_way_in
from pages.parts.problems import show_kept_problem, show_problem, told
from pages.parts.reader import for_reader, reader

SIMULATED = (
    "**Simulated provider.** No `ANTHROPIC_API_KEY` is set, so answers are made up and nothing is billed; "
    "costs are what the real ones would come to."
)


@contextmanager
def page(title: str, caption: str = "") -> Iterator[Services]:
    """Title, notice and, where something goes wrong on purpose, a clear sentence in place of the rest of the page.

    Whoever has not signed in sees how to, and nothing else.
    """
    try:
        running = for_reader(services())
        me = reader(running)
    except AppError as error:
        show_problem(error)
        st.stop()
    if me is None:
        draw_way_in()
        st.stop()
    draw_reader(running, me)
    if title:
        st.title(title, anchor=False)
    if caption:
        st.caption(caption)
    if running.settings.simulated:
        st.caption(SIMULATED, help="Set ANTHROPIC_API_KEY and start again to talk to Anthropic.")
    show_kept_problem()
    with told():
        yield running
