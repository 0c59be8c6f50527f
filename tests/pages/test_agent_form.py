"""What an agent may use, set on its form: tools, consent, other agents and limits."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.registry.agent_draft import AgentDraft
from core.registry.agents import AgentView
from core.registry.mcp_registry import McpServerDraft
from tests.pages.agent_dialogs import fill, open_form, press_key, submit
from tests.pages.screen import healthy, labelled, new_agent, open_app, services, words

EVERYTHING: dict[str, Any] = {
    "tools": ("calculator", "fetch_url", "people__get_employees", "gone__tool", "web_search"),
    "ask_first": ("fetch_url", "gone__tool"),
    "max_iterations": 7,
    "max_cost_nanos": 250_000_001,
    "max_seconds": 90,
    "max_answer_tokens": 5_000,
}


@pytest.fixture
def page() -> AppTest:
    return open_app("agents")


def agent_named(name: str) -> AgentView:
    return next(agent for agent in services().agents.list(services().me) if agent.name == name)


def fields(agent: AgentView) -> dict[str, object]:
    return {name: getattr(agent, name) for name in AgentDraft.__dataclass_fields__}


def choose(app: AppTest, label: str, *values: str) -> None:
    labelled(app.multiselect, label).set_value([*values])


def test_an_edit_of_one_field_keeps_all_the_others(page: AppTest) -> None:
    agent = new_agent(delegates=(agent_named("People").id, agent_named("Quick Writer").id), **EVERYTHING)
    services().agents.set_active(services().me, agent.delegates[1], False)
    key = f"edit-{agent.id}"
    open_form(healthy(page.run()), key)
    fill(page, What_it_is_for="Another purpose")
    submit(page, key)
    assert not page.error
    edited = services().agents.get(services().me, agent.id)
    assert fields(edited) == {**fields(agent), "description": "Another purpose"}
    assert edited.version == 2


def test_what_is_chosen_for_a_new_agent_is_saved(page: AppTest) -> None:
    open_form(page)
    fill(page, Name="Clerk")
    choose(page, "Tools", "fetch_url", "current_time", "people__get_employees", "web_search")
    open_form(page)
    asking = labelled(page.multiselect, "Ask a person before running")
    assert asking.value == ["fetch_url"]
    assert asking.options == ["Read a web page", "Date and time", "get_employees · people"]
    choose(page, "Ask a person before running", "people__get_employees")
    choose(page, "Agents it may ask", agent_named("People").id)
    labelled(page.number_input, "Model calls").set_value(3)
    labelled(page.number_input, "Output tokens").set_value(100)
    fill(page, Dollars=" $0.000000001")
    submit(page)
    agent = agent_named("Clerk")
    assert agent.tools == ("fetch_url", "current_time", "people__get_employees", "web_search")
    assert (agent.ask_first, agent.delegates) == (("people__get_employees",), (agent_named("People").id,))
    assert (agent.max_iterations, agent.max_cost_nanos, agent.max_seconds, agent.max_answer_tokens) == (3, 1, None, 100)


def test_a_tool_that_is_taken_away_does_not_ask_any_more(page: AppTest) -> None:
    agent = new_agent(tools=("fetch_url", "calculator"), ask_first=("fetch_url",))
    key = f"edit-{agent.id}"
    open_form(healthy(page.run()), key)
    choose(page, "Tools", "calculator")
    submit(page, key)
    edited = services().agents.get(services().me, agent.id)
    assert (edited.tools, edited.ask_first) == (("calculator",), ())


def test_dollars_that_are_no_amount_are_refused_and_kept(page: AppTest) -> None:
    agent = agent_named("Front Desk")
    key = f"edit-{agent.id}"
    open_form(page, key)
    fill(page, Dollars="0,25", What_it_is_for="New words")
    submit(page, key)
    assert page.error[0].value.startswith("The limit on dollars is “0,25”")
    assert labelled(page.text_input, "Dollars").value == "0,25"
    assert labelled(page.text_input, "What it is for").value == "New words"
    assert services().agents.get(services().me, agent.id).version == 1


def test_a_server_that_fails_leaves_the_form_usable_and_its_tools_marked(page: AppTest) -> None:
    registry, agent = services().registry, new_agent(tools=("people__get_employees", "gone__tool"))
    [people] = registry.list(services().me)
    registry.change(services().me, people.id, McpServerDraft("people", "stdio", command="/nowhere/to/be/found"))
    key = f"edit-{agent.id}"
    open_form(healthy(page.run()), key)
    tools = labelled(page.multiselect, "Tools")
    assert tools.value == ["people__get_employees", "gone__tool"]
    assert tools.options[-2:] == [
        "get_employees · people (its server does not answer)",
        "gone__tool (not there any more)",
    ]
    fill(page, Name="Renamed")
    submit(page, key)
    assert services().agents.get(services().me, agent.id).tools == ("people__get_employees", "gone__tool")


def test_the_card_shows_what_an_agent_may_use_and_each_version_what_it_changed(page: AppTest) -> None:
    people = agent_named("People")
    agent = new_agent(delegates=(people.id,), **EVERYTHING)
    healthy(page.run())
    card = words(page).replace("\\", "")
    for shown in (
        ":gray-badge[:material/build: Calculator]",
        ":orange-badge[:material/front_hand: Read a web page, asks first]",
        ":gray-badge[:material/build: get_employees · people]",
        ":red-badge[:material/link_off: gone__tool (not there any more)]",
        ":violet-badge[:material/smart_toy: People]",
        "One answer takes at most 7 model calls · $0.250000001 · 90 seconds · 5,000 output tokens.",
    ):
        assert shown in card
    draft = AgentDraft(**{**fields(agent), "tools": ("calculator",), "delegates": (), "max_seconds": None})  # type: ignore[arg-type]
    services().agents.edit(services().me, agent.id, draft)
    said = [each.value.replace("\\", "") for each in press_key(healthy(page.run()), f"versions-{agent.id}").markdown]
    [listed] = [text for text in said if text.startswith("- ")]
    assert listed.splitlines() == [
        "- Tools: removed Read a web page, get_employees · people, gone__tool, Web search (Anthropic)",
        "- Asks before running: removed Read a web page, gone__tool",
        "- Agents it may ask: removed People",
        "- Seconds: 90 → (none)",
    ]
