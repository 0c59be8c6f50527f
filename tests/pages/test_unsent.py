"""A message that was not sent is kept, told why, and offered what can succeed, followed to the end."""

import pytest

from core.conversations.unsent import MOST, Unsent, remedy_for
from core.errors import (
    AgentInactive,
    AppError,
    ContextTooLong,
    ConversationBusy,
    ConversationGone,
    FileRefused,
    InputError,
    MessageGone,
    StoreError,
)
from tests.pages.screen import (
    answer,
    ask,
    become,
    conversation_of,
    has_button,
    healthy,
    open_app,
    press,
    services,
    visit,
)
from tests.pages.test_attachments import attach
from tests.pages.test_chat_history import drawn, say

REFUSALS: dict[type[AppError], str] = {
    MessageGone: "anew",
    ConversationGone: "elsewhere",
    AgentInactive: "again",
    FileRefused: "change",
    ContextTooLong: "change",
    InputError: "change",
    ConversationBusy: "again",
    StoreError: "again",
}


@pytest.mark.parametrize(("refusal", "remedy"), REFUSALS.items())
def test_l2_each_refusal_offers_what_can_help(refusal: type[AppError], remedy: str) -> None:
    assert remedy_for(refusal("No.")) == remedy


def test_l2_a_message_changed_in_a_stale_tab_is_sent_as_a_new_one() -> None:
    app = ask(open_app(), "[[say: First.]]")
    place = conversation_of(app)
    question = services().conversations.transcript(services().me, place)[0]
    press(app, "Edit")
    say(place, "[[say: From elsewhere.]]", replaces=question.id)
    app.text_area(key=f"edit-{question.id}").set_value("[[say: Mine.]]")
    press(app, "Send changed message")
    assert "Send yours as a new message" in app.warning[0].value
    again = open_app(conversation=place)
    assert "[[say: Mine.]]" in [each.value for each in again.code], "it outlives a reload"
    press(again, "Send as a new message")
    assert "Mine." in answer(again)
    assert not again.warning
    assert drawn(again) == 4


def test_l2_a_message_for_a_conversation_that_is_gone_is_sent_in_a_new_one() -> None:
    app = ask(open_app(), "[[say: First.]]")
    gone = conversation_of(app)
    services().conversations.delete(services().me, gone)
    ask(app, "[[say: Kept.]]")
    assert "There is no such conversation" in app.error[0].value
    press(app, "Send in a new conversation")
    assert "Kept." in answer(app)
    assert conversation_of(app) != gone


def test_l2_a_message_with_too_many_files_is_sent_when_some_are_taken_away() -> None:
    app = open_app()
    attach(app, "Twelve", **{f"a{number}_txt": b"text" for number in range(12)})
    assert "12 files are attached; a message may have 10" in app.warning[0].value
    assert not has_button(app, "Send again")
    for _ in range(2):
        healthy(app.button(key="unsent-0-remove-0").click().run())
    press(app, "Send changed message")
    assert services().traces.count(services().me) == 1
    assert not app.warning


def test_l2_an_emptied_message_is_not_offered_to_be_sent_again() -> None:
    app = ask(open_app(), "[[say: First.]]")
    question = services().conversations.transcript(services().me, conversation_of(app))[0]
    press(app, "Edit")
    app.text_area(key=f"edit-{question.id}").set_value("  ")
    press(app, "Send changed message")
    assert "The message is empty" in app.error[0].value
    assert not has_button(app, "Send again")
    app.text_area(key=f"edit-{question.id}").set_value("[[say: Second.]]")
    press(app, "Send changed message")
    assert "Second." in answer(app)


def test_l2_unsent_messages_survive_reload_and_navigation_and_are_their_authors() -> None:
    app = open_app()
    ask(app, "x" * 400_001)
    assert has_button(visit(visit(app, "agents"), "chat"), "Send changed message")
    again = open_app()
    assert [len(str(each.value)) for each in again.text_area] == [400_001]
    become("admin", "somebody-else")
    assert services().conversations.unsent.list(services().me) == []


def test_l2_not_more_than_some_are_kept() -> None:
    open_app()
    unsent, me = services().conversations.unsent, services().me
    for number in range(MOST + 3):
        unsent.keep(me, Unsent(str(number), (), None, None, "No.", "again"))
    assert [each.text for each in unsent.list(me)] == [str(number) for number in range(3, MOST + 3)]


def test_h3_a_message_with_a_character_that_cannot_be_sent_is_kept_to_the_letter() -> None:
    ask(open_app(), "ab\0c")
    again = open_app()
    assert "has the character NUL at place 3" in again.warning[0].value
    assert again.text_area[0].value == "ab\0c"
