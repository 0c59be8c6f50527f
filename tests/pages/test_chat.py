"""The chat page: prompts to begin with, answers and their exact price, second thoughts."""

import pytest

from core.money import exact_usd
from tests.pages.screen import (
    answer,
    ask,
    button,
    conversation_of,
    has_button,
    healthy,
    labelled,
    last_total,
    open_app,
    press,
    services,
    visit,
    words,
)


@pytest.mark.parametrize("page", ["chat", "agents", "traces"])
def test_every_page_says_that_the_provider_is_simulated(page: str) -> None:
    assert "**Simulated provider.** No key is used" in words(open_app(page))


def test_with_a_key_no_page_speaks_of_a_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-nobody")
    assert all("imulated" not in words(open_app(page)) for page in ("chat", "agents", "traces"))


def test_an_empty_chat_offers_three_prompts_and_one_click_gets_an_answer() -> None:
    app = open_app()
    starters = [each for each in app.button if (each.key or "").startswith("starter-")]
    assert len(starters) == 3
    healthy(starters[0].click().run())
    question, answer = services().conversations.transcript(services().me, conversation_of(app))
    assert question.text == services().agents.list(services().me)[0].starters[0]
    assert answer.status == "complete"
    assert rf"**\${exact_usd(last_total())}** — computed" in words(app)
    assert last_total() > 0
    assert not [each for each in app.button if (each.key or "").startswith("starter-")]


def test_an_answer_is_drawn_with_its_figures() -> None:
    app = ask(open_app(), "[[say: Forty-two.]] What is it?")
    assert len(app.chat_message) == 2
    assert "Forty-two." in answer(app)
    [row] = services().traces.page(services().me)
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
    assert services().conversations.list(services().me)[0].title == "Zebra *crossing*"
    assert labelled(app.sidebar.button, r"Zebra \*crossing\*")
    app.text_input(key=key).set_value("  ")
    press(app, "Rename")
    assert "The title is empty" in app.error[0].value
    assert services().conversations.list(services().me)[0].title == "Zebra *crossing*"


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
    assert services().conversations.list(services().me) == []
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
    question = services().conversations.transcript(services().me, conversation_of(app))[0]
    press(app, "Edit")
    app.text_area(key=f"edit-{question.id}").set_value("[[say: Second answer.]]")
    press(app, "Send changed message")
    assert "Second answer." in answer(app)
    assert "First answer." not in words(app)
    assert len(app.chat_message) == 2
    total, turns, _ = services().conversations.spent(services().me, conversation_of(app))
    assert (total, turns) == (first + last_total(), 2)
    assert "in 2 turns" in words(app)


def test_retry_takes_the_place_of_the_answer() -> None:
    app = press(ask(open_app(), "[[say: Once more.]]"), "Retry")
    assert len(app.chat_message) == 2
    assert services().traces.count(services().me) == 2
