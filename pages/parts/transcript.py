"""Messages that are finished: their text, what they cost, and what can be done with them."""

from collections.abc import Callable

import streamlit as st

from core.conversations.transcript import MessageView, TurnFigures
from pages.parts.answer_parts import Said, Thought, parts_of
from pages.parts.attachments import AttachedFiles
from pages.parts.blocks import split
from pages.parts.figures import BASIS, exact, money, seconds, token_rows, tokens
from pages.parts.growing import thinking
from pages.parts.markdown import as_text, safe_markdown
from pages.parts.tool_line import draw_tool_line
from pages.parts.verbatim import draw_verbatim
from pages.parts.wide import room_for

_EDITED = "edited-message"
USER, ASSISTANT = ":material/person:", ":material/auto_awesome:"

_ENDED = {
    "failed": ("red", ":material/error:"),
    "stopped": ("gray", ":material/stop_circle:"),
    "interrupted": ("orange", ":material/power_off:"),
}

_CUT_SHORT = {
    "iteration_limit": "Too many steps",
    "cost_limit": "Cost limit reached",
    "budget_spent": "Budget spent",
    "time_limit": "Time limit reached",
    "output_limit": "Length limit reached",
    "context_full": "Context full",
    "tool_call_cut": "Cut off",
}

_STOPPED_SHORT = {
    "max_tokens": ("Length limit reached", "The answer reached the agent's limit on length. Ask it to go on."),
    "model_context_window_exceeded": ("Context full", "This is all the model can read. Go on in a new conversation."),
    "refusal": ("Declined", "The model declined to answer this. Say it differently, or ask another agent."),
}
"""By the provider's reason to stop, of answers in which nothing failed."""

Resend = Callable[[str, str], None]


def draw_user_message(message: MessageView, resend: Resend, files: AttachedFiles, *, editable: bool) -> None:
    """``resend`` gets the id of the message to replace and its new text; its files are kept."""
    with st.chat_message("user", avatar=USER):
        files.draw(message.id, message.blocks)
        if not (editable and st.session_state.get(_EDITED) == message.id):
            draw_verbatim(message.text)
        if editable:
            _edit(message, resend)


def _edit(message: MessageView, resend: Resend) -> None:
    """A click opens it, so that a long conversation has one button a message and not a form."""
    if st.session_state.get(_EDITED) != message.id:
        st.button(
            "Edit",
            key=f"begin-edit-{message.id}",
            icon=":material/edit:",
            type="tertiary",
            help="Change this message and send it again",
            on_click=_begin_editing,
            args=(message.id,),
        )
        return
    key = f"edit-{message.id}"
    st.text_area("Message", message.text, key=key, height=160)
    st.caption("What follows it leaves the conversation; its cost stays in the books.")
    with st.container(horizontal=True):
        st.button(
            "Send changed message",
            key=f"resend-{message.id}",
            type="primary",
            on_click=lambda: resend(message.id, st.session_state[key]),
        )
        st.button("Cancel", key=f"end-edit-{message.id}", on_click=end_editing, args=(message.id,))


def _begin_editing(message_id: str) -> None:
    st.session_state[_EDITED] = message_id


def end_editing(message_id: str | None) -> None:
    """If it is this message that is being changed."""
    if message_id is not None and st.session_state.get(_EDITED) == message_id:
        del st.session_state[_EDITED]


def draw_answer(message: MessageView, asked: MessageView | None, resend: Resend, *, editable: bool) -> None:
    """Draw an answer with its figures; ``asked`` is the user's message that Retry sends again."""
    with st.chat_message("assistant", avatar=ASSISTANT):
        draw_blocks(message)
        if message.turn is not None:
            for note in message.turn.notes:
                st.warning(as_text(note), icon=":material/warning:")
            draw_end(message.turn)
            _draw_figures(message, message.turn, asked if editable else None, resend)


def _draw_figures(message: MessageView, turn: TurnFigures, retried: MessageView | None, resend: Resend) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(summary(turn), width="content")
        _details(turn)
        _copy(message)
        if retried is not None:
            _retry(message, retried, resend)


def draw_blocks(message: MessageView) -> None:
    """Draw all that the answer holds, in the order it came about."""
    for part in parts_of(message):
        match part:
            case Thought(text):
                with thinking():
                    draw_text(text)
            case Said(text):
                draw_text(text)
            case _:
                draw_tool_line(part)


def draw_text(text: str) -> None:
    """Somebody's Markdown: code as code, everything else without images."""
    for block in split(text):
        if block.kind == "code":
            st.code(block.text.rstrip("\n"), language=block.language or None)
        else:
            with room_for(block.kind):
                st.markdown(safe_markdown(block.text), anchors=False)


def draw_end(turn: TurnFigures) -> None:
    """Why an answer is not whole."""
    if turn.status in _ENDED:
        color, icon = _ENDED[turn.status]
        word = _CUT_SHORT.get(turn.error_type or "")
        if word is not None:
            color, icon = "orange", ":material/content_cut:"
        st.badge(word or turn.status.capitalize(), color=color, icon=icon)  # type: ignore[arg-type]
        st.caption(as_text(turn.error_text or "It ended before it was finished. Press Retry to ask again."))
    elif turn.stop_reason in _STOPPED_SHORT:
        word, what_to_do = _STOPPED_SHORT[turn.stop_reason]
        st.badge(word, color="orange", icon=":material/content_cut:")
        st.caption(what_to_do)


def summary(turn: TurnFigures) -> str:
    simulated = " · simulated" if turn.simulated else ""
    first = f" · first token {seconds(turn.time_to_first_token_ms)}" if turn.time_to_first_token_ms is not None else ""
    cost = f"**{money(turn.total, turn.basis)}**" + (" (estimate)" if turn.basis == "estimated" else "")
    return f"{cost} · {tokens(turn.usage)}{first} · {seconds(turn.duration_ms)} · {as_text(turn.model)}{simulated}"


def _details(turn: TurnFigures) -> None:
    with st.popover("Figures", icon=":material/receipt_long:", type="tertiary", help="Tokens and exact cost"):
        word, why = BASIS.get(turn.basis or "", ("not known yet", "This turn has not ended."))
        rows = token_rows(turn.usage)
        st.markdown(f"**{exact(turn.total)}** — {word}", width="content")
        st.caption(why if rows else "Nothing was billed for this turn.")
        if rows:
            lines = "\n".join(f"| {name} | {count:,} |" for name, count in rows)
            st.markdown(f"| Tokens | |\n|:--|--:|\n{lines}")
        st.caption(f"{as_text(turn.model)} · trace `{turn.task_trace_id}`")


def _copy(message: MessageView) -> None:
    with st.popover("Copy", icon=":material/content_copy:", type="tertiary", help="The answer as Markdown"):
        st.code(message.text or " ", language=None, wrap_lines=True)


def _retry(message: MessageView, asked: MessageView, resend: Resend) -> None:
    st.button(
        "Retry",
        key=f"retry-{message.id}",
        icon=":material/refresh:",
        type="tertiary",
        help="Ask again; this answer leaves the conversation, its cost stays in the books",
        on_click=lambda: resend(asked.id, asked.text),
    )
