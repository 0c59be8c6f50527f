"""The tools page: servers that work, fail and are refused, and what it means to remove one."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from core.registry.mcp_registry import McpServerDraft, McpServerView
from tests.core.chat.test_mcp_status import WICKED
from tests.pages.screen import button, healthy, labelled, open_app, press, services, words

SECRET = "hunter2-secret"


@pytest.fixture
def page() -> AppTest:
    return open_app("tools")


def people() -> McpServerView:
    return services().registry.list(services().me)[0]


def open_dialog(app: AppTest, key: str | None = None) -> AppTest:
    """Of the button with this key, else that of a new server; as often as its form is used it is pressed again."""
    return healthy((app.button(key=key) if key else button(app, "Register a server")).click().run())


def submit(app: AppTest, key: str | None = None) -> AppTest:
    button(app, "Save" if key else "Register").click()
    return open_dialog(app, key)


def fill(app: AppTest, label: str, text: str) -> None:
    labelled(app.text_input, label).set_value(text)


def test_what_comes_built_in_is_shown_with_who_uses_it(page: AppTest) -> None:
    said = words(page)
    assert "**Read a web page**" in said
    assert ":orange-badge[:material/front_hand: Asks first]" in said
    assert said.count(":blue-badge[:material/cloud: Runs at Anthropic]") == 3
    assert "Used by People, Front Desk" in [caption.value for caption in page.caption]


def test_a_server_is_connected_on_demand_and_shows_its_tools_as_text(page: AppTest) -> None:
    assert ":gray-badge[:material/schedule: Not asked for yet]" in words(page)
    press(page, "Connect now")
    assert ":green-badge[:material/check_circle: Connected]" in words(page)
    [tool] = [each for each in page.expander if "get" in each.label]
    assert tool.label.replace("\\", "").startswith("**get_employees** Employees with department")
    assert "min_increment_percent" in json.loads(tool.code[-1].value)["properties"]
    press(page, "Deactivate")
    assert ":gray-badge[:material/pause: Inactive]" in words(page)
    assert services().mcp.states() == []


def test_a_server_that_fails_says_why_and_a_tool_nobody_gets_too(page: AppTest) -> None:
    services().registry.change(services().me, people().id, McpServerDraft("people", "stdio", command="/no/such"))
    press(healthy(page.run()), "Connect now")
    assert page.error[0].value.replace("\\", "") == "There is no program called /no/such here."
    services().mcp_status.change(services().me, people().id, WICKED)
    press(healthy(page.run()), "Connect now")
    [told] = [each.value for each in page.warning if "oneOf" in each.value]
    assert told.startswith("No agent gets this tool.")


def test_a_bad_draft_is_refused_in_words_and_kept(page: AppTest) -> None:
    open_dialog(page)
    fill(page, "Name", "People")
    fill(page, "Command", "python")
    fill(page, "Arguments, as in a shell", "-m 'open")
    assert any("code that runs on this server" in each.value for each in page.warning)
    submit(page)
    assert "an open quote" in page.error[0].value
    fill(page, "Arguments, as in a shell", "-m x")
    submit(page)
    assert "There is a server named" in page.error[0].value
    assert labelled(page.text_input, "Arguments, as in a shell").value == "-m x"
    assert len(services().registry.list(services().me)) == 1


def test_a_new_server_is_connected_and_its_secrets_are_never_shown(page: AppTest) -> None:
    open_dialog(page)
    fill(page, "Name", "wicked")
    fill(page, "Command", WICKED.command)
    fill(page, "Arguments, as in a shell", "-m tests.core.agent.mcp.wicked")
    fill(page, "Name of the secret", "KEY")
    fill(page, "Its value", SECRET)
    submit(page)
    server = services().registry.list(services().me)[-1]
    assert (server.args, server.secret_names) == (WICKED.args, ("KEY",))
    assert ":green-badge[:material/check_circle: Connected]" in words(page)
    open_dialog(page, f"edit-{server.id}")
    assert SECRET not in str(page)
    fill(page, "Name", "naughty")
    submit(page, f"edit-{server.id}")
    assert [each.env for each in services().registry.active() if each.name == "naughty"] == [{"KEY": SECRET}]


def test_an_address_is_asked_for_instead_of_a_command(page: AppTest) -> None:
    open_dialog(page)
    fill(page, "Name", "wiki")
    labelled(page.radio, "How it is reached").set_value("http")
    open_dialog(page)
    assert "Command" not in [each.label for each in page.text_input]
    fill(page, "URL", "http://127.0.0.1:9/mcp")
    submit(page)
    assert services().registry.list(services().me)[-1].url == "http://127.0.0.1:9/mcp"
    assert "It cannot be reached at its address" in page.error[0].value


def test_removing_a_server_first_says_who_uses_it(page: AppTest) -> None:
    key = f"remove-{people().id}"
    open_dialog(page, key)
    assert any(each.value.startswith("Used by People: they go on without its tools") for each in page.warning)
    assert len(services().registry.list(services().me)) == 1
    page.button(key="remove-now").click()
    open_dialog(page, key)
    assert services().registry.list(services().me) == []
    assert "No servers yet" in page.info[0].value
