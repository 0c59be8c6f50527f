"""What every page has in common: its services, its title, and who is answering."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import streamlit as st

from core.access.roles import Permission, Person, may
from core.chat.provider_keys import Answering
from core.errors import AppError, NotAllowed
from core.events import Provenance
from core.wiring import Services, services
from pages.parts.conversation_list import CONVERSATION
from pages.parts.entrance import draw_reader, draw_way_in
from pages.parts.markdown import as_text
from pages.parts.problems import show_kept_problem, show_problem, told
from pages.parts.reader import for_reader, reader

_WHERE = (
    "Made-up answers are priced as real ones would be. To talk to Anthropic, enter a key on the page Account "
    "or, as an admin, for all on Settings; or set ANTHROPIC_API_KEY and start again."
)


@contextmanager
def page(title: str, caption: str = "", *, own: str = "", knows: Collection[str] | None = ()) -> Iterator[Services]:
    """Title, notice and, where something goes wrong on purpose, a clear sentence in place of the rest of the page.

    People who have not signed in see how to, and nothing else. ``own`` is the caption for those who see only their own.

    ``knows`` are the parts of an address that the page understands: others are complained of. None if it says itself.
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
        st.caption(caption if may(me, Permission.ALL_COSTS) else own or caption)
    if notice := _notice(running, me):
        st.caption(notice, help=_WHERE)
    show_kept_problem()
    _leave_out_what_chat_left(knows)
    if knows is not None:
        _complain(knows)
    with told():
        try:
            yield running
        except NotAllowed as error:
            show_problem(error)
            st.page_link("pages/chat.py", label="Go to Chat", icon=":material/chat:")


def _leave_out_what_chat_left(knows: Collection[str] | None) -> None:
    """Chat's last run may still write its conversation into the address while its reader goes to another page."""
    asked = st.query_params.get(CONVERSATION)
    if asked and asked == st.session_state.get(CONVERSATION) and CONVERSATION not in (knows or ()):
        del st.query_params[CONVERSATION]


def _complain(knows: Collection[str]) -> None:
    """Name what an address says in vain: nothing of it is silently ignored."""
    for name in sorted(set(st.query_params) - set(knows)):
        st.warning(
            f"This page does not know “{as_text(name)}” in its address, so that part was left out.",
            icon=":material/link_off:",
        )


def _notice(running: Services, me: Person) -> str | None:
    """Return what to say of keys; None also while the database does not answer, which the page itself says."""
    try:
        return notice(running.keys.answering(me), running.keys.answers_here())
    except AppError:
        return None


def notice(own: Answering, here: Collection[Provenance]) -> str | None:
    """Return as Markdown who answers, of which nothing need be said where all answers are real.

    ``own`` is whose key answers the reader, ``here`` the kinds of answers that this installation gives to anybody.
    """
    if own == "nobody":
        others = " Others have keys of their own, and what they spend is billed." if "real" in here else ""
        return f"**No Anthropic API key for your messages.** Until there is one, you cannot send any.{others}"
    if own == "simulated" and "real" in here:
        return (
            "**Your answers are simulated:** made up, and not billed. Others here use keys of their own, and what "
            "they spend is billed."
        )
    if own == "simulated":
        return "**Simulated provider.** No key is used: answers are made up, and not billed."
    if "simulated" in here:
        return "**Your key answers you, and is billed.** People without a key get simulated answers."
    return None
