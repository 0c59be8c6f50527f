"""The agents page: what is there, new ones, new versions, and drafts that will not do."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update

from core.provider.models import find_model
from core.registry.agents import AgentView
from core.store.tables import Agent, AgentVersion
from tests.pages.agent_dialogs import fill, first, open_form, press_key, submit
from tests.pages.screen import (
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


@pytest.fixture(autouse=True)
def _no_servers(own_data: Path) -> None:
    """Forms need not wait for one."""
    for server in services().registry.list(services().me):
        services().registry.set_active(services().me, server.id, False)


def put_on_model(agent: AgentView, model: str) -> None:
    """A further version whatever the form would say to the model."""
    versions, agents = AgentVersion.__table__, Agent.__table__

    def write(connection: Connection) -> None:
        own = versions.c.agent_id == agent.id
        row = dict(connection.execute(select(versions).where(own)).mappings().one())
        connection.execute(insert(versions).values({**row, "number": 2, "model": model}))
        connection.execute(update(agents).where(agents.c.id == agent.id).values(current_version=2))

    services().store.write(write).result()


def test_every_agent_is_shown_with_its_model_and_todays_price() -> None:
    page = words(open_app("agents"))
    for agent in services().agents.list(services().me):
        assert agent.name in page
    assert r"Claude Haiku 5.5 · Per million tokens: input \$" in page
    assert page.count("Per million tokens: input") == len(services().agents.list(services().me))


def test_l1_no_model_stands_in_for_one_that_is_unknown_here() -> None:
    open_app("agents")
    put_on_model(first(), "gpt-0")
    key = f"edit-{first().id}"
    app = open_form(open_app("agents"), key)
    assert labelled(app.selectbox, "Model").value is None
    submit(app, key)
    assert app.error[0].value.startswith("No model is chosen")
    assert first().model == "gpt-0"
    labelled(app.selectbox, "Model").set_value(find_model("claude-sonnet-5-5"))
    submit(app, key)
    assert first().model == "claude-sonnet-5-5"


def test_an_agent_without_a_known_price_says_so() -> None:
    open_app("agents")
    put_on_model(first(), "gpt-0")
    assert "No price is known for this model: its costs will show as unknown." in words(open_app("agents"))


def test_a_new_agent_is_created_and_can_be_asked() -> None:
    app = open_form(open_app("agents"))
    fill(app, Name="Clerk *one*", What_it_is_for="Files things", System_prompt="You file.")
    labelled(app.text_area, "Prompts to begin with, one a line").set_value("File this.\n\nFile that.\n")
    labelled(app.number_input, "Longest answer, in tokens").set_value(500)
    submit(app)
    assert not app.error
    agent = services().agents.list(services().me)[-1]
    assert (agent.name, agent.description, agent.version) == ("Clerk *one*", "Files things", 1)
    assert (agent.system_prompt, agent.max_output_tokens) == ("You file.", 500)
    assert agent.starters == ("File this.", "File that.")
    assert r"Clerk \*one\*" in words(app)
    assert f"Clerk *one* · {agent.model}" in visit(app, "chat").main.selectbox[0].options


def test_a_bad_draft_says_what_is_wrong_and_keeps_what_was_typed() -> None:
    app = open_form(open_app("agents"))
    fill(app, Name=first().name, What_it_is_for="Mine", System_prompt="A long prompt that took an hour.")
    submit(app)
    assert "There is an agent named" in app.error[0].value
    assert labelled(app.text_input, "What it is for").value == "Mine"
    assert labelled(app.text_area, "System prompt").value == "A long prompt that took an hour."
    fill(app, Name="Another name")
    submit(app)
    assert not app.error
    assert services().agents.list(services().me)[-1].system_prompt == "A long prompt that took an hour."


def test_a_nameless_draft_is_not_saved() -> None:
    app = open_app("agents")
    before = services().agents.list(services().me, include_inactive=True)
    submit(open_form(app))
    assert "The name is empty" in app.error[0].value
    assert services().agents.list(services().me, include_inactive=True) == before


def test_an_edit_is_a_second_version_and_the_first_stays() -> None:
    app = open_app("agents")
    agent = first()
    key = f"edit-{agent.id}"
    open_form(app, key)
    assert labelled(app.text_input, "Name").value == agent.name
    assert labelled(app.text_input, "What it is for").value == agent.description
    fill(app, System_prompt="Changed.")
    submit(app, key)
    newest, oldest = services().agents.versions(services().me, agent.id)
    assert (newest.version, newest.system_prompt) == (2, "Changed.")
    assert (newest.name, newest.description, newest.starters) == (agent.name, agent.description, agent.starters)
    assert oldest.system_prompt == agent.system_prompt
    page = words(app)
    assert ":blue-badge[Version 2]" in page
    assert "**Version" not in page
    said = [each.value for each in press_key(app, f"versions-{agent.id}").markdown]
    assert [text[:13] for text in said if text.startswith("**Version")] == ["**Version 2**", "**Version 1**"]
    assert any(text.startswith("- System prompt: from ") for text in said)


def test_what_was_typed_for_one_agent_is_not_offered_for_another() -> None:
    app = open_app("agents")
    one, other = new_agent("One"), new_agent("Other")
    healthy(app.run())
    open_form(app, f"edit-{one.id}")
    fill(app, Name=" ")
    labelled(app.number_input, "Longest answer, in tokens").set_value(77)
    submit(app, f"edit-{one.id}")
    assert "The name is empty" in app.error[0].value
    open_form(app, f"edit-{other.id}")
    assert labelled(app.text_input, "Name").value == "Other"
    assert labelled(app.number_input, "Longest answer, in tokens").value == other.max_output_tokens


def test_an_agent_is_deactivated_and_activated_again() -> None:
    app = open_app("agents")
    agent = first()
    healthy(app.button(key=f"active-{agent.id}").click().run())
    assert not first().active
    assert ":gray-badge[Inactive]" in words(app)
    assert not any(agent.name in option for option in visit(app, "chat").main.selectbox[0].options)
    press(visit(app, "agents"), "Activate")
    assert first().active
    assert not has_button(app, "Activate")


def test_an_agent_on_a_model_that_retires_is_warned_of() -> None:
    open_app("agents")
    put_on_model(first(), "claude-sonnet-4-5")
    app = open_app("agents")
    [warning] = [each.value.replace("\\", "") for each in app.warning]
    assert warning.startswith("Claude Sonnet 4.5")
    assert str(date(2026, 11, 30)) in warning
    assert "Choose Claude Sonnet 5.5 instead." in warning
    open_form(app, f"edit-{first().id}")
    assert "Claude Sonnet 4.5" in labelled(app.selectbox, "Model").format_func(labelled(app.selectbox, "Model").value)
