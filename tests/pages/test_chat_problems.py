"""What goes wrong on the chat page is told in plain words, and neither a message nor a cost is lost by it."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.budgets.budgets import BudgetDraft
from core.conversations.conversations import Conversations
from core.conversations.transcript import Transcript
from core.money import exact_usd
from core.settings import settings
from core.wiring import open_services
from tests.core.chat.test_database_faults import Outage
from tests.pages.screen import (
    answer,
    ask,
    conversation_of,
    healthy,
    last_total,
    new_agent,
    open_app,
    press,
    services,
    words,
)


def test_a_provider_that_fails_is_told_in_plain_words_and_retry_recovers() -> None:
    app = ask(open_app(), "[[fault: overloaded 1 time]] [[say: Back again.]]")
    assert "The provider is overloaded at the moment" in words(app)
    assert "Nothing was billed for this turn." in words(app)
    assert "Back again." not in answer(app)
    press(app, "Retry")
    assert "Back again." in answer(app)
    assert "overloaded" not in answer(app)
    assert [row.status for row in services().traces.page(services().me)] == ["completed", "failed"]


def test_an_answer_that_broke_off_is_kept_and_its_cost_called_an_estimate() -> None:
    app = ask(open_app(), "[[fault: cut after 20]] [[tokens: 100]] [[plain]]")
    [row] = services().traces.page(services().me)
    assert (row.status, row.basis) == ("failed", "estimated")
    assert "The connection to the provider broke" in words(app)
    assert rf"**\${exact_usd(last_total())}** — estimate" in words(app)
    kept = services().conversations.transcript(services().me, conversation_of(app))[-1].text
    assert len(kept) > 20
    assert kept.strip() in answer(app)


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("[[stop: max_tokens]]", "Ask it to go on."),
        ("[[refusal]]", "Say it differently"),
        ("[[stop: end_turn]]", None),
    ],
)
def test_an_answer_that_is_not_whole_says_so_also_when_nothing_failed(order: str, told: str | None) -> None:
    app = ask(open_app(), f"{order} [[tokens: 10]] [[plain]]")
    assert [row.status for row in services().traces.page(services().me)] == ["completed"]
    shown = [each for each in ("Ask it to go on.", "Say it differently") if each in words(app)]
    assert shown == ([told] if told else [])


def test_whoever_reads_an_answer_that_another_process_writes_is_seen_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(open_services(settings())) as other:
        agent = other.agents.list(other.me)[0]
        turn = other.turns.send(owner=other.me, agent_id=agent.id, text="[[fault: silence after 3]]")
        monkeypatch.setattr(turn, "apply_remote", lambda said: turn.stop() if said.watched_at else None)
        app = open_app(conversation=turn.conversation_id)
    assert "You stopped this answer" in words(app)


def test_an_unknown_cost_is_never_a_figure() -> None:
    app = ask(open_app(), "[[speed: fast]] [[say: Fast.]]")
    [row] = services().traces.page(services().me)
    assert (row.total, row.basis) == (None, "unpriced")
    assert "**unknown** — no price known" in words(app)
    assert "cost unknown" in words(app)
    assert "$0" not in words(app)


def test_a_conversation_that_is_too_long_keeps_the_message() -> None:
    new_agent("Small", "claude-haiku-4-5", system_prompt="word " * 38_000)
    app = open_app()
    agents = app.main.selectbox[0]
    healthy(agents.select_index(len(agents.options) - 1).run())
    ask(app, "[[say: Read.]] " + "word " * 76_000)
    message = "once more " + "word " * 76_000
    ask(app, message)
    assert "Nothing was sent." in app.warning[0].value.replace("\\", "")
    assert message in [each.value for each in app.text_area]
    assert "Read." in answer(app)
    assert services().traces.count(services().me) == 1
    press(app, "Discard")
    assert message not in [each.value for each in app.text_area]


def test_a_message_that_could_not_be_sent_is_sent_again() -> None:
    app = open_app()
    agent = services().agents.list(services().me)[0]
    services().agents.set_active(services().me, agent.id, active=False)
    ask(app, "[[say: At last.]]")
    assert "is not active" in app.warning[-1].value
    assert "[[say: At last.]]" in [each.value for each in app.code]
    services().agents.set_active(services().me, agent.id, active=True)
    press(healthy(app.run()), "Send again")
    assert "At last." in answer(app)
    assert not app.warning


def test_a_message_that_no_budget_has_room_for_is_kept_and_sent_once_one_has() -> None:
    app = open_app()
    me, budgets = services().me, services().budgets
    budget = budgets.create(me, BudgetDraft("person", me.id, "month", 1))
    ask(app, "[[say: Affordable.]]")
    assert "Your budget for this month has no room" in app.warning[0].value
    assert "[[say: Affordable.]]" in [each.value for each in app.code]
    assert services().traces.count(me) == 0
    budgets.change(me, budget, 10**9, blocks=True)
    press(app, "Send again")
    assert "Affordable." in answer(app)
    assert not app.warning
    assert not any("Your budget" in each.value for each in app.caption)
    budgets.change(me, budget, last_total(), blocks=True)
    assert any("Your budget" in each.value for each in healthy(app.run()).caption)


def test_what_could_not_be_sent_outlives_later_messages_and_waits_in_its_conversation() -> None:
    app = open_app()
    for character in "ab":
        ask(app, character * 400_001)
    assert [str(each.value)[0] for each in app.text_area] == ["a", "b"]
    ask(app, "[[say: Short.]]")
    assert "Short." in answer(app)
    assert not app.warning
    press(app, "New conversation")
    assert [str(each.value)[0] for each in app.text_area] == ["a", "b"]


def test_a_message_typed_while_the_database_is_gone_is_not_lost(own_data: Path) -> None:
    app = open_app()
    (own_data / "app.db").rename(own_data / "aside.db")
    services().store.engine.dispose()
    ask(app, "[[say: Not lost.]]")
    assert "The database cannot be used" in app.error[0].value
    (own_data / "aside.db").rename(own_data / "app.db")
    press(healthy(app.run()), "Send again")
    assert "Not lost." in answer(app)
    assert services().traces.count(services().me) == 1


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
    for page in ("chat", "agents", "budgets", "traces"):
        assert "The database cannot be used" in open_app(page).error[0].value


def test_an_answer_whose_books_wait_for_the_database_is_looked_at_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    app, looks = open_app(), list[str]()
    monkeypatch.setattr(Conversations, "transcript", _counting(Conversations.transcript, looks))
    Outage(services(), 2, 3)
    ask(app, "[[say: Kept whatever happens.]]")
    assert "Kept whatever happens." in answer(app)
    assert rf"**\${exact_usd(last_total())}** — computed" in answer(app)
    assert len(looks) <= 10


def _counting(read: Callable[..., Transcript], looks: list[str]) -> Callable[..., Transcript]:
    def counted(self: Conversations, owner_id: str, conversation_id: str) -> Transcript:
        looks.append(conversation_id)
        return read(self, owner_id, conversation_id)

    return counted


def test_without_an_active_agent_the_page_says_where_to_go() -> None:
    app = open_app()
    for agent in services().agents.list(services().me):
        services().agents.set_active(services().me, agent.id, active=False)
    healthy(app.run())
    assert "No agent is active" in app.warning[0].value
    assert app.chat_input[0].disabled
