"""A long conversation is drawn in part, unsent messages outlive their page, and what others change is seen."""

import re
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.conversations.window import TURNS
from core.registry.agents import AgentDraft, AgentView
from tests.pages.screen import (
    answer,
    ask,
    button,
    conversation_of,
    healthy,
    labelled,
    last_total,
    new_agent,
    open_app,
    press,
    services,
    visit,
    words,
)


def first() -> AgentView:
    return services().agents.list(services().me)[0]


def say(conversation_id: str | None, text: str, agent_id: str | None = None, replaces: str | None = None) -> str:
    """In another tab: send it and wait for the end of the answer."""
    turn = services().turns.send(
        owner=services().me,
        agent_id=agent_id or first().id,
        text=text,
        conversation_id=conversation_id,
        replaces=replaces,
    )
    while not turn.ended:
        turn.get(0, 0.05)
    services().engine.call(_nothing)
    return turn.conversation_id


async def _nothing() -> None:
    return


def long_conversation(turns: int) -> str:
    open_app()
    place: str | None = None
    for number in range(turns):
        place = say(place, f"[[say: Answer {number}.]] Question {number}")
    assert place is not None
    return place


def drawn(app: AppTest) -> int:
    return len(app.chat_message)


def test_e7_the_last_turns_are_drawn_and_earlier_ones_on_demand() -> None:
    place = long_conversation(TURNS * 2 + 3)
    app = open_app(conversation=place)
    assert drawn(app) == 2 * TURNS
    assert f"Answer {TURNS * 2 + 2}." in answer(app)
    press(app, f"Show {TURNS} of {TURNS + 3} earlier messages")
    assert drawn(app) == 4 * TURNS
    press(app, "Show 3 of 3 earlier messages")
    assert drawn(app) == 2 * (TURNS * 2 + 3)
    ask(app, "[[say: New.]]")
    assert drawn(app) == 2 * TURNS


def test_e7_what_is_drawn_does_not_grow_with_the_history() -> None:
    app = open_app(conversation=long_conversation(TURNS + 1))
    before = len(list(app.main))
    for number in range(5):
        say(conversation_of(app), f"[[say: Answer {TURNS + 1 + number}.]] Question {TURNS + 1 + number}")
    assert len(list(healthy(app.run()).main)) <= before + 1


def test_e7_a_traces_link_and_a_search_lead_to_the_right_place() -> None:
    place = long_conversation(TURNS + 8)
    third = services().conversations.transcript(services().me, place)[5].turn
    assert third is not None
    app = open_app(conversation=place, trace=third.task_trace_id)
    assert "Answer 2." in "".join(each.value for each in app.chat_message[1].markdown)
    assert drawn(app) == 2 * TURNS
    assert "trace" not in app.query_params
    press(app, "Newest")
    assert f"Answer {TURNS + 7}." in answer(app)
    labelled(app.text_input, "Search conversations").set_value("Question 1")
    healthy(app.run())
    labelled(app.text_input, "Search conversations").set_value("Question 4")
    healthy(app.run())
    healthy(app.button(key=f"open-{place}").click().run())
    assert "Answer 4." in "".join(each.value for each in app.chat_message[1].markdown)


def test_e7_a_trace_whose_message_was_replaced_is_told() -> None:
    app = ask(open_app(), "[[say: Old.]]")
    old = services().traces.page(services().me)[0].id
    press(app, "Retry")
    again = open_app(conversation=conversation_of(app), trace=old)
    assert "is no longer in this conversation" in again.info[0].value


def test_e7_a_message_has_few_widgets() -> None:
    app = open_app(conversation=long_conversation(3))
    keys = [each.key for each in (*app.button, *app.text_area) if each.key and "-" in each.key]
    of_messages = [key for key in keys if key.startswith(("begin-edit-", "edit-", "resend-", "retry-"))]
    assert len(of_messages) == 4, "a button to edit each message, and one to try the last answer again"


def test_l1_an_agent_that_is_gone_is_said_and_nobody_stands_in_for_it() -> None:
    agent, other = new_agent("Gone"), new_agent("Other")
    app = open_app()
    healthy(app.main.selectbox[0].set_value(agent.id).run())
    ask(app, "[[say: Hello.]]")
    services().agents.set_active(services().me, agent.id, active=False)
    ask(app, "[[say: To whom?]]")
    assert services().traces.count(services().me) == 1, "nobody was asked in its place"
    assert "**Gone** cannot be asked any more" in app.warning[0].value
    assert app.main.selectbox[0].value is None
    assert app.chat_input[0].disabled
    assert button(app, "Send again").disabled
    assert "[[say: To whom?]]" in [each.value for each in app.code]
    healthy(app.main.selectbox[0].set_value(other.id).run())
    press(app, "Send again")
    assert "To whom?" in answer(app)
    assert not app.warning
    assert services().traces.page(services().me)[0].agent_name == "Other"


def test_l1_also_before_a_conversation_begins() -> None:
    agent = new_agent("Gone")
    app = open_app()
    healthy(app.main.selectbox[0].set_value(agent.id).run())
    services().agents.set_active(services().me, agent.id, active=False)
    healthy(app.run())
    assert "**Gone** cannot be asked any more" in app.warning[0].value
    assert app.main.selectbox[0].value is None
    assert app.chat_input[0].disabled


def test_l1_an_edit_of_the_agent_does_not_change_who_is_chosen() -> None:
    agent = new_agent("Chosen")
    app = open_app()
    healthy(app.main.selectbox[0].set_value(agent.id).run())
    services().agents.edit(services().me, agent.id, new_draft("Chosen", "claude-sonnet-5"))
    healthy(app.run())
    assert app.main.selectbox[0].value == agent.id


def new_draft(name: str, model: str) -> AgentDraft:
    return AgentDraft(name, "For a test", model, "", 1_000, False, ())


def test_l1_a_change_of_agents_is_marked_with_what_it_does_to_the_price() -> None:
    other = new_agent("Second")
    app = ask(open_app(), "[[say: One.]]")
    name = first().name
    healthy(app.main.selectbox[0].set_value(other.id).run())
    assert any(f"goes to **Second**, not to **{name}**" in each.value for each in app.caption)
    ask(app, "[[say: Two.]]")
    [mark] = [each.value for each in app.caption if "From here on" in each.value]
    assert "**Second**" in mark
    assert f"not **{name}**" in mark
    assert "without the cache" in mark
    again = open_app(conversation=conversation_of(app))
    assert [each.value for each in again.caption if "From here on" in each.value] == [mark]


def test_l1_who_still_has_it_in_the_cache_is_not_said_to_be_sent_it_as_new() -> None:
    long = "[[say: One.]] " + "What was said is long enough for a cache. " * 400
    other = new_agent("Second")
    app = ask(open_app(), long)
    name = first().id
    healthy(app.main.selectbox[0].set_value(other.id).run())
    ask(app, "[[say: Two.]]")
    healthy(app.main.selectbox[0].set_value(name).run())
    assert any("unless it has it in the cache still." in each.value for each in app.caption)
    ask(app, "[[say: Three.]]")
    marks = [each.value for each in app.caption if "From here on" in each.value]
    assert ["without the cache" in each for each in marks] == [True, False]
    assert re.search(r"Of the [\d,]+ tokens that were sent to it, [\d,]+ were in the cache\.", marks[1])


CHANGES: dict[str, Callable[[str], object]] = {
    "a message": lambda place: say(place, "[[say: More.]]"),
    "another conversation": lambda _: say(None, "[[say: Elsewhere.]]"),
    "its title": lambda place: services().conversations.rename(services().me, place, "Renamed at length"),
    "its archive": lambda place: services().conversations.archive(services().me, place),
    "its end": lambda place: services().conversations.delete(services().me, place),
    "an agent": lambda _: services().agents.set_active(services().me, first().id, active=False),
    "a new agent": lambda _: new_agent("New"),
    "a version": lambda _: services().agents.edit(services().me, first().id, new_draft("Renamed", "claude-haiku-5-5")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_l3_whatever_a_page_shows_its_stamp_changes_with_it(change: Callable[[str], object]) -> None:
    app = ask(open_app(), "[[say: Hello.]]")
    place, me = conversation_of(app), services().me
    before = services().conversations.stamp(me, place)
    assert services().conversations.stamp(me, place) == before
    change(place)
    assert services().conversations.stamp(me, place) != before


def test_l6_a_message_moves_an_archived_conversation_back() -> None:
    app = ask(open_app(), "[[say: Hello.]]")
    place = conversation_of(app)
    press(app, "Archive")
    assert any("A new message moves it back" in each.value for each in app.caption)
    ask(app, "[[say: Again.]]")
    assert not services().conversations.get(services().me, place).archived
    assert f"open-{place}" in {each.key for each in app.sidebar.button}


def test_l6_deactivating_an_agent_says_whom_it_touches() -> None:
    app = ask(open_app(), "[[say: Hello.]]")
    touched = services().agents.touched(services().me, first().id)
    assert (touched.turns, touched.conversations, touched.people) == (0, 1, 1)
    said = words(visit(app, "agents"))
    assert "In 1 conversation of 1 person, another agent has to be chosen." in said
    assert last_total() > 0
