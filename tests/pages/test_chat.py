"""The chat page: prompts to begin with, answers and their exact price, second thoughts, and what goes wrong."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.money import exact_usd
from tests.pages.screen import (
    answer,
    ask,
    button,
    has_button,
    healthy,
    labelled,
    new_agent,
    open_app,
    press,
    services,
    visit,
    words,
)


def last_total() -> int:
    total = services().traces.page()[0].total
    assert total is not None
    return total


def conversation_of(app: AppTest) -> str:
    return str(app.query_params["conversation"])


@pytest.mark.parametrize("page", ["chat", "agents", "traces"])
def test_every_page_says_that_the_provider_is_simulated(page: str) -> None:
    assert "**Simulated provider.** No `ANTHROPIC_API_KEY` is set" in words(open_app(page))


def test_with_a_key_no_page_speaks_of_a_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-nobody")
    assert all("imulated" not in words(open_app(page)) for page in ("chat", "agents", "traces"))


def test_an_empty_chat_offers_three_prompts_and_one_click_gets_an_answer() -> None:
    app = open_app()
    starters = [each for each in app.button if (each.key or "").startswith("starter-")]
    assert len(starters) == 3
    healthy(starters[0].click().run())
    question, answer = services().conversations.transcript(services().me.id, conversation_of(app))
    assert question.text == services().agents.list()[0].starters[0]
    assert answer.status == "complete"
    assert rf"**\${exact_usd(last_total())}** — computed" in words(app)
    assert last_total() > 0
    assert not [each for each in app.button if (each.key or "").startswith("starter-")]


def test_an_answer_is_drawn_with_its_figures() -> None:
    app = ask(open_app(), "[[say: Forty-two.]] What is it?")
    assert len(app.chat_message) == 2
    assert "Forty-two." in answer(app)
    [row] = services().traces.page()
    assert f"{row.usage.prompt:,} in · {row.usage.output:,} out" in words(app)
    assert "in 1 turn" in words(app)
    assert not has_button(app, "Stop")


def test_the_next_message_goes_on_with_the_conversation() -> None:
    app = ask(open_app(), "[[say: One.]]")
    begun = conversation_of(app)
    ask(app, "[[say: Two.]]")
    assert conversation_of(app) == begun
    assert len(app.chat_message) == 4
    assert "in 2 turns" in words(app)


def test_thinking_is_in_an_expander() -> None:
    app = open_app()
    healthy(app.main.selectbox[0].select_index(1).run())
    ask(app, "[[think: 30]] [[say: Done.]]")
    [thinking] = [each for each in app.expander if each.label == "Thinking"]
    assert thinking.markdown[0].value


def test_images_are_not_drawn_and_prices_are_no_formulas() -> None:
    app = ask(open_app(), "[[say: It costs $5 ![x](http://127.0.0.1:9/a.png) or $6]]")
    assert any(r"It costs \$5 !" in each.value and r"or \$6" in each.value for each in app.markdown)
    assert "![" not in "\n".join(each.value for each in app.markdown)


def test_a_conversation_opens_by_its_address_and_stays_open_over_other_pages() -> None:
    first = ask(open_app(), "[[say: Here I am.]]")
    again = open_app(conversation=conversation_of(first))
    assert "Here I am." in answer(again)
    visit(again, "agents")
    assert "Here I am." in answer(visit(again, "chat"))


def test_a_new_conversation_is_empty_and_the_old_one_a_click_away() -> None:
    app = ask(open_app(), "[[say: The old one.]] Begin")
    old = conversation_of(app)
    press(app, "New conversation")
    assert "conversation" not in app.query_params
    assert len(app.chat_message) == 0
    healthy(app.button(key=f"open-{old}").click().run())
    assert "The old one." in answer(app)


def test_conversations_are_found_by_what_was_said() -> None:
    app = ask(open_app(), "[[say: About zebras.]]")
    zebras = conversation_of(app)
    ask(press(app, "New conversation"), "[[say: About okapis.]]")
    okapis = conversation_of(app)
    healthy(labelled(app.text_input, "Search conversations").set_value("zebra").run())
    assert {each.key for each in app.sidebar.button} >= {f"open-{zebras}"}
    assert f"open-{okapis}" not in {each.key for each in app.sidebar.button}
    healthy(labelled(app.text_input, "Search conversations").set_value("unicorn").run())
    assert "No conversation mentions that." in words(app)


def test_the_title_typed_last_is_the_one_that_is_kept() -> None:
    app = ask(open_app(), "[[say: Hello.]]")
    key = f"title-{conversation_of(app)}"
    app.text_input(key=key).set_value("Zebra *crossing*")
    press(app, "Rename")
    assert services().conversations.list(services().me.id)[0].title == "Zebra *crossing*"
    assert labelled(app.sidebar.button, r"Zebra \*crossing\*")
    app.text_input(key=key).set_value("  ")
    press(app, "Rename")
    assert "The title is empty" in app.error[0].value
    assert services().conversations.list(services().me.id)[0].title == "Zebra *crossing*"


def test_an_archived_conversation_moves_out_and_back() -> None:
    app = ask(open_app(), "[[say: Hello.]]")
    entry = f"open-{conversation_of(app)}"
    press(app, "Archive")
    assert entry not in {each.key for each in app.sidebar.button}
    healthy(app.toggle(key="show-archived").set_value(True).run())
    assert entry in {each.key for each in app.sidebar.button}
    press(app, "Move back from the archive")
    healthy(app.toggle(key="show-archived").set_value(False).run())
    assert entry in {each.key for each in app.sidebar.button}


def test_deleting_asks_first_and_keeps_the_cost() -> None:
    app = ask(open_app(), "[[say: A secret.]]")
    gone, spent = conversation_of(app), last_total()
    assert button(app, "Delete").disabled
    healthy(app.checkbox[0].check().run())
    press(app, "Delete")
    assert "A secret." not in words(app)
    assert "conversation" not in app.query_params
    assert services().conversations.list(services().me.id) == []
    assert last_total() == spent
    assert "There is no such conversation" in words(open_app(conversation=gone)).replace("\\", "")


def test_being_sure_of_one_conversation_is_not_being_sure_of_another() -> None:
    app = ask(open_app(), "[[say: One.]]")
    first = conversation_of(app)
    ask(press(app, "New conversation"), "[[say: Two.]]")
    healthy(app.checkbox[0].check().run())
    healthy(app.button(key=f"open-{first}").click().run())
    assert not app.checkbox[0].value
    assert button(app, "Delete").disabled


def test_a_message_is_changed_and_sent_again_and_the_first_answer_still_costs() -> None:
    app = ask(open_app(), "[[say: First answer.]]")
    first = last_total()
    question = services().conversations.transcript(services().me.id, conversation_of(app))[0]
    app.text_area(key=f"edit-{question.id}").set_value("[[say: Second answer.]]")
    press(app, "Send changed message")
    assert "Second answer." in answer(app)
    assert "First answer." not in words(app)
    assert len(app.chat_message) == 2
    total, turns = services().conversations.spent(services().me.id, conversation_of(app))
    assert (total, turns) == (first + last_total(), 2)
    assert "in 2 turns" in words(app)


def test_retry_takes_the_place_of_the_answer() -> None:
    app = press(ask(open_app(), "[[say: Once more.]]"), "Retry")
    assert len(app.chat_message) == 2
    assert services().traces.count() == 2


def test_a_provider_that_fails_is_told_in_plain_words_and_retry_recovers() -> None:
    app = ask(open_app(), "[[fault: overloaded 1 time]] [[say: Back again.]]")
    assert "The provider is overloaded at the moment" in words(app)
    assert "Nothing was billed for this turn." in words(app)
    assert "Back again." not in answer(app)
    press(app, "Retry")
    assert "Back again." in answer(app)
    assert "overloaded" not in answer(app)
    assert [row.status for row in services().traces.page()] == ["completed", "failed"]


def test_an_answer_that_broke_off_is_kept_and_its_cost_called_an_estimate() -> None:
    app = ask(open_app(), "[[fault: cut after 20]] [[tokens: 100]] [[plain]]")
    [row] = services().traces.page()
    assert (row.status, row.basis) == ("failed", "estimated")
    assert "The connection to the provider broke" in words(app)
    assert rf"**\${exact_usd(last_total())}** — estimate" in words(app)
    kept = services().conversations.transcript(services().me.id, conversation_of(app))[-1].text
    assert len(kept) > 20
    assert kept.strip() in answer(app)


def test_an_unknown_cost_is_never_a_figure() -> None:
    app = ask(open_app(), "[[speed: fast]] [[say: Fast.]]")
    [row] = services().traces.page()
    assert (row.total, row.basis) == (None, "unpriced")
    assert "**unknown** — no price known" in words(app)
    assert "cost unknown" in words(app)
    assert "$0" not in words(app)


def test_a_conversation_that_is_too_long_keeps_the_message() -> None:
    new_agent("Small", "claude-haiku-4-5", system_prompt="word " * 38_000)
    app = open_app()
    healthy(app.main.selectbox[0].select_index(3).run())
    ask(app, "[[say: Read.]] " + "word " * 76_000)
    message = "once more " + "word " * 76_000
    ask(app, message)
    assert "Nothing was sent." in app.warning[0].value.replace("\\", "")
    assert message in [each.value for each in app.code]
    assert "Read." in answer(app)
    assert services().traces.count() == 1
    press(app, "Discard")
    assert message not in [each.value for each in app.code]


def test_a_message_that_could_not_be_sent_is_sent_again() -> None:
    app = open_app()
    agent = services().agents.list()[0]
    services().agents.set_active(agent.id, active=False)
    ask(app, "[[say: At last.]]")
    assert "is not active" in app.warning[0].value
    assert "[[say: At last.]]" in [each.value for each in app.code]
    services().agents.set_active(agent.id, active=True)
    press(app, "Send again")
    assert "At last." in answer(app)
    assert not app.warning


def test_what_could_not_be_sent_outlives_later_messages_and_waits_in_its_conversation() -> None:
    app = open_app()
    for character in "ab":
        ask(app, character * 400_001)
    assert [each.value[0] for each in app.code] == ["a", "b"]
    ask(app, "[[say: Short.]]")
    assert "Short." in answer(app)
    assert not app.warning
    press(app, "New conversation")
    assert [each.value[0] for each in app.code] == ["a", "b"]


def test_a_message_typed_while_the_database_is_gone_is_not_lost(own_data: Path) -> None:
    app = open_app()
    (own_data / "app.db").rename(own_data / "aside.db")
    services().store.engine.dispose()
    ask(app, "[[say: Not lost.]]")
    assert "The database cannot be used" in app.error[0].value
    (own_data / "aside.db").rename(own_data / "app.db")
    press(healthy(app.run()), "Send again")
    assert "Not lost." in answer(app)
    assert services().traces.count() == 1


def test_an_unknown_address_is_told_and_a_way_out_offered() -> None:
    app = open_app(conversation="no-such-conversation")
    assert "There is no such conversation" in app.error[0].value
    press(app, "New conversation")
    assert not app.error
    assert app.chat_input


def test_a_database_that_is_gone_is_told_without_a_traceback(own_data: Path) -> None:
    app = open_app()
    (own_data / "app.db").rename(own_data / "aside.db")
    services().store.engine.dispose()
    healthy(app.run())
    assert "The database cannot be used" in app.error[0].value
    assert "Traceback" not in words(app)
    (own_data / "aside.db").rename(own_data / "app.db")
    assert not healthy(app.run()).error


def test_a_database_that_cannot_be_opened_is_told_on_every_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/at/all/app.db")
    for page in ("chat", "agents", "traces"):
        assert "The database cannot be used" in open_app(page).error[0].value


def test_without_an_active_agent_the_page_says_where_to_go() -> None:
    app = open_app()
    for agent in services().agents.list():
        services().agents.set_active(agent.id, active=False)
    healthy(app.run())
    assert "No agent is active" in app.warning[0].value
    assert app.chat_input[0].disabled
