"""Chat: ask an agent, watch the answer and its price grow, stop it, come back to it."""

import time
from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.chat.turn import Turn
from core.clock import new_id
from core.conversations.attachments import Attachment
from core.conversations.conversations import ConversationView
from core.conversations.stamp import Stamp
from core.conversations.transcript import MessageView
from core.conversations.unsent import Unsent, remedy_for
from core.conversations.window import Window
from core.errors import AppError, ConversationGone
from core.registry.agents import AgentView
from core.wiring import Services
from pages.parts.agent_choice import draw_change, draw_coming_change, draw_gone, keep_choice, pick_agent
from pages.parts.approval import Request, decider, draw_request
from pages.parts.attachments import FILE_TYPES, LARGEST_UPLOAD_MB, AttachedFiles, handed_in
from pages.parts.budget_words import little_room
from pages.parts.conversation_list import (
    CONVERSATION,
    current_conversation,
    draw_conversation_list,
    draw_conversation_menu,
    open_conversation,
)
from pages.parts.figures import money
from pages.parts.frame import page
from pages.parts.live_answer import LiveAnswer
from pages.parts.markdown import as_text
from pages.parts.problems import keep_problem, run_again, show_problem
from pages.parts.trace_list import TRACE
from pages.parts.transcript import ASSISTANT, Resend, draw_answer, draw_blocks, draw_user_message, end_editing
from pages.parts.unsent import Ways, draw_unsent, drop, keep
from pages.parts.windows import draw_earlier, draw_later, go_to_trace, show_newest, shown_window

ELSEWHERE_POLL_SECONDS = 2.0
LOOK_SECONDS = 1.5
"""So that with its own way to the browser a change is seen within two."""
_TYPED = "typed"
_DRAFT = "draft-id"
_FOLLOWED = "followed-turn"


def send(services: Services, agent_id: str, message: Unsent) -> None:
    """Start the turn; what could not be sent is kept with the reason, and nothing of it is lost."""
    draft = st.session_state.setdefault(_DRAFT, new_id())
    try:
        turn = services.turns.send(
            owner=services.me,
            agent_id=agent_id,
            text=message.text,
            conversation_id=message.conversation_id,
            replaces=message.replaces,
            draft_id=draft,
            attachments=message.files,
        )
    except AppError as error:
        if message.text.strip() or message.files:
            end_editing(message.replaces)
            keep(services, replace(message, reason=error.for_user, remedy=remedy_for(error)))
        else:
            keep_problem(error)
        return
    drop(services, message)
    end_editing(message.replaces)
    st.session_state.pop(_DRAFT, None)
    keep_choice(turn.conversation_id, agent_id)
    show_newest(turn.conversation_id)
    open_conversation(turn.conversation_id)


def send_text(services: Services, agent_id: str, text: str, files: tuple[Attachment, ...] = ()) -> None:
    send(services, agent_id, Unsent(text, files, current_conversation(), None, "", "again"))


def send_typed(services: Services, agent_id: str) -> None:
    """Send in a callback, so that what was typed is safe even if the page cannot be drawn any more."""
    text, files = handed_in(st.session_state[_TYPED])
    send_text(services, agent_id, text, files)


def draw_empty(services: Services, agent: AgentView) -> None:
    """Draw a conversation without a message: what the agent is for, and prompts to begin with."""
    st.header(as_text(agent.name), anchor=False)
    st.markdown(as_text(agent.description))
    st.space("small")
    for place, starter in enumerate(agent.starters):
        st.button(
            as_text(starter),
            key=f"starter-{agent.id}-{place}",
            icon=":material/arrow_forward:",
            on_click=send_text,
            args=(services, agent.id, starter),
        )


def draw_conversation(
    services: Services, conversation: ConversationView, window: Window, agent: AgentView | None
) -> bool:
    """Draw the transcript and, while one runs, the live answer; True while an answer is being written and seen."""
    turn = services.turns.live(services.me, conversation.id)
    live = turn is not None and not turn.ended
    unbooked = next(
        (each.turn.task_trace_id for each in window.messages if each.turn and each.status == "running"), None
    )
    here = turn if not window.later and turn is not None and (live or turn.id == unbooked) else None
    running = live or unbooked is not None

    def resend(message_id: str, text: str) -> None:
        asked = agent.id if agent else conversation.agent_id
        send(services, asked, Unsent(text, (), conversation.id, message_id, "", "again"))

    with slate(here.id if here else None):
        draw_earlier(conversation.id, window)
        draw_messages(services, conversation, window, resend, editable=not running)
        if here is not None:
            draw_here(services, here, booked_later=not live)
        draw_later(conversation.id, window, running=running)
    return running and not window.later


def draw_messages(
    services: Services, conversation: ConversationView, window: Window, resend: Resend, *, editable: bool
) -> None:
    asked: MessageView | None = None
    answered: MessageView | None = None
    files = AttachedFiles(services, conversation.id, window.messages)
    here = services.turns.live(services.me, conversation.id)
    for message in window.messages:
        if message.role == "user":
            asked = message
            draw_user_message(message, resend, files, editable=editable)
            continue
        draw_change(answered, message)
        answered = message
        if message.status != "running":
            last = message is window.messages[-1] and not window.later
            draw_answer(message, asked, resend, editable=editable and last)
        elif here is None:
            draw_elsewhere(services, message)


def slate(turn_id: str | None) -> DeltaGenerator:
    """Return where messages are drawn: the other of two places when an answer begins, the first being emptied.

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
    """Draw an answer that this process writes, or has written while the database was away."""
    with st.chat_message("assistant", avatar=ASSISTANT):
        LiveAnswer(turn, decider(services), lambda: services.me).draw()
        if booked_later:
            st.caption(":material/hourglass: This answer has ended; its cost is booked once the database is back.")
    if not booked_later:
        run_again()


def draw_room(services: Services) -> None:
    """Beside the field to write in: nothing while the reader's own budgets have room."""
    me = services.me
    if words := little_room(services.budgets.list(me), me.id):
        st.caption(f":material/savings: {words}")


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
        agent = pick_agent(services, agents, conversation)
        if conversation is not None:
            total, turns, basis = services.conversations.spent(services.me, conversation.id)
            if turns:
                st.caption(f"{money(total, basis)} in {turns} turn{'' if turns == 1 else 's'}", width="content")
            draw_conversation_menu(services, conversation)
    if agent is None:
        draw_gone(services, conversation, agents)
    if conversation is not None and conversation.archived:
        st.caption(":material/archive: This conversation is archived. A new message moves it back among the others.")
    return agent


@st.fragment(run_every=LOOK_SECONDS)
def notice(services: Services, conversation_id: str | None, drawn: Stamp) -> None:
    """Draw the page again when what it shows has changed, here or elsewhere, or when its reader may not see it."""
    try:
        changed = services.conversations.stamp(services.me, conversation_id) != drawn
    except AppError:
        changed = True
    if changed:
        st.rerun(scope="app")


def opened(services: Services, conversation_id: str | None) -> ConversationView | None:
    """Open the conversation; where it is gone that is said, and what was written for it can go into a new one."""
    if conversation_id is None:
        return None
    try:
        return services.conversations.get(services.me, conversation_id)
    except ConversationGone as gone:
        show_problem(gone)
        agents = services.agents.list(services.me)
        agent = pick_agent(services, agents, None)
        draw_unsent(Ways(partial(send, services, agent.id) if agent else None, services), conversation_id)
        st.stop()


def draw_input(
    services: Services, conversation: ConversationView | None, agent: AgentView | None, said: list[MessageView]
) -> None:
    with st.bottom:
        ways = Ways(partial(send, services, agent.id) if agent else None, services)
        draw_unsent(ways, conversation.id if conversation else None)
        if agent is not None:
            draw_coming_change(said, agent)
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


def main() -> None:
    with page("", knows=(CONVERSATION, TRACE)) as services:
        asked_for = current_conversation()
        go_to_trace(services, asked_for)
        stamp = services.conversations.stamp(services.me, asked_for)
        draw_conversation_list(services, asked_for)
        conversation = opened(services, asked_for)
        agent = draw_header(services, conversation, services.agents.list(services.me))
        window = shown_window(services, conversation.id) if conversation else Window([], 0, 0)
        draw_input(services, conversation, agent, window.messages)
        if agent is not None and not (conversation and conversation.running):
            services.turns.prepare(agent)
        running = False
        if conversation is not None:
            running = draw_conversation(services, conversation, window, agent)
            if conversation.running and not running and not window.later:
                run_again()  # it ended while this was drawn: the list beside it still says otherwise
        elif agent is not None:
            with slate(None):
                draw_empty(services, agent)
        if running:
            time.sleep(ELSEWHERE_POLL_SECONDS)
            st.rerun()
        notice(services, asked_for, stamp)


main()
