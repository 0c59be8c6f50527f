"""The sidebar's conversations: find one, open it, start another."""

import streamlit as st

from core.conversations.conversations import ConversationView
from core.wiring import Services
from pages.parts.markdown import as_text
from pages.parts.problems import attempt
from pages.parts.windows import show_mention, show_newest

CONVERSATION = "conversation"


def draw_conversation_list(services: Services, current: str | None) -> None:
    with st.sidebar:
        st.button(
            "New conversation",
            icon=":material/add:",
            width="stretch",
            type="primary",
            on_click=open_conversation,
            args=(None,),
        )
        search = st.text_input(
            "Search conversations",
            placeholder="Search",
            icon=":material/search:",
            label_visibility="collapsed",
            type="search",
        )
        archived = st.toggle("Archived", key="show-archived")
        found = services.conversations.list(services.me, search=search or "", archived=archived)
        if not found:
            st.caption(_nothing(search or "", archived=archived))
        for conversation in found:
            _draw_entry(services, conversation, search or "", current=conversation.id == current)


def _nothing(search: str, *, archived: bool) -> str:
    if search:
        return "No conversation mentions that."
    return "Nothing is archived." if archived else "Your conversations will be listed here."


def _draw_entry(services: Services, conversation: ConversationView, search: str, *, current: bool) -> None:
    st.button(
        as_text(conversation.title) or "Untitled",
        key=f"open-{conversation.id}",
        icon=_icon(conversation),
        type="secondary" if current else "tertiary",
        wrap=False,
        on_click=_open,
        args=(services, conversation.id, search),
    )


def _open(services: Services, conversation_id: str, search: str) -> None:
    """Found by words, at the newest message that has them."""
    show_newest(conversation_id)
    if search.strip():
        attempt(lambda: show_mention(services, conversation_id, search.strip()))
    open_conversation(conversation_id)


def _icon(conversation: ConversationView) -> str | None:
    if conversation.waiting:
        return ":material/front_hand:"
    return ":material/more_horiz:" if conversation.running else None


def open_conversation(conversation_id: str | None) -> None:
    """Make it the one the page shows, in this session and in the address."""
    st.session_state[CONVERSATION] = conversation_id
    if conversation_id is None:
        st.query_params.pop(CONVERSATION, None)
    else:
        st.query_params[CONVERSATION] = conversation_id


def current_conversation() -> str | None:
    """Return the address's conversation, else the one that was open before another page was visited."""
    asked = st.query_params.get(CONVERSATION)
    if asked:
        st.session_state[CONVERSATION] = asked
        return str(asked)
    kept: str | None = st.session_state.get(CONVERSATION)
    if kept:
        st.query_params[CONVERSATION] = kept
    return kept


def draw_conversation_menu(services: Services, conversation: ConversationView) -> None:
    """Rename, archive and delete the conversation that is open."""
    with st.popover("", icon=":material/more_vert:", type="tertiary", help="Rename, archive or delete"):
        title = f"title-{conversation.id}"
        st.text_input("Title", conversation.title, key=title, max_chars=200)
        st.button(
            "Rename",
            icon=":material/edit:",
            width="stretch",
            on_click=lambda: attempt(
                lambda: services.conversations.rename(services.me, conversation.id, st.session_state[title])
            ),
        )
        if conversation.archived:
            st.button(
                "Move back from the archive",
                icon=":material/unarchive:",
                width="stretch",
                on_click=lambda: attempt(lambda: services.conversations.unarchive(services.me, conversation.id)),
            )
        else:
            st.button(
                "Archive",
                icon=":material/archive:",
                width="stretch",
                on_click=lambda: attempt(lambda: services.conversations.archive(services.me, conversation.id)),
            )
        sure = st.checkbox("Delete its messages for good; the costs stay in the books", key=f"sure-{conversation.id}")
        st.button(
            "Delete",
            icon=":material/delete:",
            width="stretch",
            disabled=not sure,
            on_click=lambda: attempt(lambda: _delete(services, conversation.id)),
        )


def _delete(services: Services, conversation_id: str) -> None:
    services.conversations.delete(services.me, conversation_id)
    open_conversation(None)
