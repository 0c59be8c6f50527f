"""Settings: the organisation's provider key, and how this installation is set up."""

import streamlit as st

from core.access.roles import Permission, allow
from core.books.kept import MOST_BYTES
from core.settings import Settings
from core.wiring import Services
from pages.parts.frame import page
from pages.parts.provider_keys import draw_organisation_key

_MODE = {
    "auto": "People with a key are answered by Anthropic, others by the simulated provider.",
    "anthropic": "Only Anthropic answers. People without a key cannot send anything.",
    "simulated": "Only the simulated provider answers; no key is used.",
}


def draw_settings(chosen: Settings) -> None:
    st.header("Settings of this process", anchor=False)
    st.caption("They come from the environment and from .env, and are read at the start. Secrets are not shown.")
    st.dataframe(
        [{"Setting": name, "Value": value, "Set": given} for name, value, given in chosen.shown],
        hide_index=True,
        height="content",
        column_config={
            "Setting": st.column_config.TextColumn(width="medium"),
            "Value": st.column_config.TextColumn(width="large"),
            "Set": st.column_config.CheckboxColumn(width="small", help="Whether it was given; else it is the default."),
        },
    )


def draw_waiting(services: Services) -> None:
    """Say what the database has not taken, while there is any."""
    turns, size = services.books.kept.size()
    waiting, refused = services.books.spooled()
    if turns or waiting:
        most = MOST_BYTES // 2**20
        st.warning(
            f"{turns} ended answers in memory ({size:,} bytes) and {waiting:,} bytes in files wait, because "
            f"the database takes nothing. Give it and the disk room. From {most} MB on no message is taken."
        )
    if refused:
        st.error(f"{refused:,} bytes of ends of answers can never be booked: see spool/*.refused in DATA_DIR.")


def main() -> None:
    with page("Settings") as services:
        allow(services.me, Permission.KEYS)
        draw_organisation_key(services)
        st.header("Who answers", anchor=False)
        st.markdown(f"`PROVIDER={services.settings.provider}`: {_MODE[services.settings.provider]}")
        draw_waiting(services)
        draw_settings(services.settings)


main()
