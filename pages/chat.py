"""Chat: ask an agent, watch the answer and its price grow, stop it, come back to it."""

import time
from functools import partial
from typing import TypeAlias

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.access.roles import Permission, may
from core.chat.turn import Turn
from core.clock import new_id
from core.conversations.attachments import Attachment
from core.conversations.conversations import ConversationView
from core.conversations.transcript import MessageView
from core.errors import AppError
from core.registry.agents import AgentView
from core.wiring import Services
from pages.parts.approval import Request, decider, draw_request
from pages.parts.attachments import FILE_TYPES, LARGEST_UPLOAD_MB, AttachedFiles, handed_in
from pages.parts.budget_words import little_room
from pages.parts.conversation_list import (
    current_conversation,
    draw_conversation_list,
    draw_conversation_menu,
    open_conversation,
)
from pages.parts.figures import money
from pages.parts.frame import page
from pages.parts.live_answer import LiveAnswer
from pages.parts.markdown import as_text
from pages.parts.problems import UNSENT, run_again, show_unsent
from pages.parts.transcript import ASSISTANT, draw_answer, draw_blocks, draw_user_message

ELSEWHERE_POLL_SECONDS = 2.0
_TYPED = "typed"
_DRAFT = "draft-id"
_FOLLOWED = "followed-turn"

Files: TypeAlias = tuple[Attachment, ...]


def send(services: Services, agent_id: str, text: str, replaces: str | None = None, files: Files = ()) -> None:
    """Start the turn; what could not be sent is kept with the reason, and nothing of it is lost."""
    draft = st.session_state.setdefault(_DRAFT, new_id())
    conversation_id = current_conversation()
    try:
        turn = services.turns.send(
            owner=services.me,
            agent_id=agent_id,
            text=text,
            conversation_id=conversation_id,
            replaces=replaces,
            draft_id=draft,
            attachments=files,
        )
    except AppError as error:
        _unsent()[conversation_id, text, files] = (replaces, error.for_user)
        return
    _unsent().pop((conversation_id, text, files), None)
    st.session_state.pop(_DRAFT, None)
    open_conversation(turn.conversation_id)


def send_typed(services: Services, agent_id: str) -> None:
    """A callback, so that what was typed is safe even if the page cannot be drawn any more."""
    text, files = handed_in(st.session_state[_TYPED])
    send(services, agent_id, text, files=files)


def _unsent() -> dict[tuple[str | None, str, Files], tuple[str | None, str]]:
    """By conversation, text and files: the message it should replace, and why it was not sent."""
    unsent: dict[tuple[str | None, str, Files], tuple[str | None, str]] = st.session_state.setdefault(UNSENT, {})
    return unsent


def pick_agent(services: Services, agents: list[AgentView], preferred: str | None) -> AgentView | None:
    if not agents:
        draw_no_agent(services)
        return None
    places = {agent.id: place for place, agent in enumerate(agents)}
    return st.selectbox(
        "Agent",
        agents,
        index=places.get(preferred or "", 0),
        key=f"agent-{preferred}",
        format_func=lambda agent: f"{agent.name} · {agent.model}",
        label_visibility="collapsed",
    )


def draw_no_agent(services: Services) -> None:
    if not may(services.me, Permission.AGENTS):
        st.warning("No agent is active. Ask an admin for one.", icon=":material/smart_toy:")
        return
    st.warning("No agent is active. Activate or create one on the Agents page.", icon=":material/smart_toy:")
    st.page_link("pages/agents.py", label="Open Agents", icon=":material/smart_toy:")


def draw_empty(services: Services, agent: AgentView) -> None:
    """Nothing said yet: what the agent is for, and prompts to begin with."""
    st.header(as_text(agent.name), anchor=False)
    st.markdown(as_text(agent.description))
    st.space("small")
    for place, starter in enumerate(agent.starters):
        st.button(
            as_text(starter),
            key=f"starter-{agent.id}-{place}",
            icon=":material/arrow_forward:",
            on_click=send,
            args=(services, agent.id, starter),
        )


def draw_conversation(services: Services, conversation: ConversationView, agent: AgentView | None) -> bool:
    """The transcript and, while one runs, the live answer; True while an answer is being written."""
    turn = services.turns.live(services.me, conversation.id)
    live = turn is not None and not turn.ended
    messages = services.conversations.transcript(services.me, conversation.id)
    unbooked = next((each.turn.task_trace_id for each in messages if each.turn and each.status == "running"), None)
    here = turn if turn is not None and (live or turn.id == unbooked) else None
    running = live or unbooked is not None

    def resend(message_id: str, text: str) -> None:
        send(services, agent.id if agent else conversation.agent_id, text, message_id)

    asked, files = None, AttachedFiles(services, conversation.id)
    with slate(here.id if here else None):
        for message in messages:
            if message.role == "user":
                asked = message
                draw_user_message(message, resend, files, editable=not running)
            elif message.status != "running":
                draw_answer(message, asked, resend, editable=not running and message is messages[-1])
            elif here is None:
                draw_elsewhere(services, message)
        if here is not None:
            draw_here(services, here, booked_later=not live)
    return running


def slate(turn_id: str | None) -> DeltaGenerator:
    """Where messages are drawn: in the other one of two places when an answer begins, the first being emptied.

    In the same place, what earlier runs have drawn would stay on the screen until the answer's end.
    """
    followed, second = st.session_state.get(_FOLLOWED, (None, False))
    second = second is not (turn_id is not None and turn_id != followed)
    st.session_state[_FOLLOWED] = (turn_id, second)
    if second:
        st.empty()
        return st.container()
    messages = st.container()
    st.empty()
    return messages


def draw_here(services: Services, turn: Turn, *, booked_later: bool) -> None:
    """An answer that this process writes, or has written while the database was away."""
    with st.chat_message("assistant", avatar=ASSISTANT):
        LiveAnswer(turn, decider(services), lambda: services.me).draw()
        if booked_later:
            st.caption(":material/hourglass: This answer has ended; its cost is booked once the database is back.")
    if not booked_later:
        run_again()


def draw_unsent(services: Services, agent: AgentView | None) -> None:
    slot, here = st.empty(), current_conversation()
    unsent = [(text, files, *why) for (place, text, files), why in _unsent().items() if place == here]
    if not unsent or agent is None:
        return
    with slot.container():
        for number, (text, files, replaces, reason) in enumerate(unsent):
            show_unsent(
                text,
                files,
                reason,
                key=f"unsent-{number}",
                send_again=partial(send, services, agent.id, text, replaces, files),
                discard=partial(_discard, here, text, files),
                remove=partial(_remove, here, text, files),
            )


def draw_room(services: Services) -> None:
    """Beside the field to write in: nothing while the reader's own budgets have room."""
    me = services.me
    if words := little_room(services.budgets.list(me), me.id):
        st.caption(f":material/savings: {words}")


def _discard(conversation_id: str | None, text: str, files: Files) -> None:
    _unsent().pop((conversation_id, text, files), None)


def _remove(conversation_id: str | None, text: str, files: Files, file: Attachment) -> None:
    why = _unsent().pop((conversation_id, text, files), None)
    if why is not None:
        _unsent()[conversation_id, text, tuple(each for each in files if each is not file)] = why


def draw_elsewhere(services: Services, message: MessageView) -> None:
    """Another process writes this answer: show what it has saved and who is asked for consent, and look again."""
    if message.turn:
        services.answers.seen(services.me, message.turn.task_trace_id)
    with st.chat_message("assistant", avatar=ASSISTANT):
        draw_blocks(message)
        for call in services.approvals.pending(services.me, message.turn.task_trace_id) if message.turn else ():
            draw_request(Request(call.span_id, call.tool_name, call.given, call.expires_at), decider(services))
        st.caption(":material/sync: Another server process is writing this answer; it is shown as it is saved.")


def draw_header(services: Services, conversation: ConversationView | None, agents: list[AgentView]) -> AgentView | None:
    with st.container(horizontal=True, vertical_alignment="center"):
        agent = pick_agent(services, agents, conversation.agent_id if conversation else None)
        if conversation is not None:
            total, turns = services.conversations.spent(services.me, conversation.id)
            if turns:
                st.caption(f"{money(total, None)} in {turns} turn{'' if turns == 1 else 's'}", width="content")
            draw_conversation_menu(services, conversation)
    return agent


def main() -> None:
    with page("") as services:
        asked_for = current_conversation()
        draw_conversation_list(services, asked_for)
        conversation = services.conversations.get(services.me, asked_for) if asked_for else None
        agent = draw_header(services, conversation, services.agents.list(services.me))
        with st.bottom:
            draw_unsent(services, agent)
            draw_room(services)
        st.chat_input(
            f"Message {agent.name}" if agent else "Message",
            key=_TYPED,
            accept_file="multiple",
            file_type=FILE_TYPES,
            max_upload_size=LARGEST_UPLOAD_MB,
            disabled=agent is None,
            on_submit=send_typed if agent else None,
            args=(services, agent.id) if agent else None,
        )
        if agent is not None and not (conversation and conversation.running):
            services.turns.prepare(agent)
        running = False
        if conversation is not None:
            running = draw_conversation(services, conversation, agent)
            if conversation.running and not running:
                run_again()  # it ended while this was drawn: the list beside it still says otherwise
        elif agent is not None:
            with slate(None):
                draw_empty(services, agent)
        if running:
            time.sleep(ELSEWHERE_POLL_SECONDS)
            st.rerun()


main()
