"""What a person does with the dialogs of agents.

A dialog is drawn and sent in one run here, as if the button that opens it were pressed again: the test's runner always
runs the whole page.
"""

from streamlit.testing.v1 import AppTest

from core.registry.agents import AgentView
from tests.pages.screen import button, healthy, labelled, services


def first() -> AgentView:
    return services().agents.list(services().me, include_inactive=True)[0]


def open_form(app: AppTest, key: str | None = None) -> AppTest:
    """The dialog of the agent whose Edit button has this key, else the one of a new agent."""
    pressed = app.button(key=key) if key else button(app, "New agent")
    return healthy(pressed.click().run())


def submit(app: AppTest, key: str | None = None) -> AppTest:
    """Send the form that ``open_form`` drew."""
    button(app, "Save as a new version" if key else "Create agent").click()
    return open_form(app, key)


def fill(app: AppTest, **texts: str) -> None:
    for label, text in texts.items():
        fields = [*app.text_input, *app.text_area]
        labelled(fields, label.replace("_", " ")).set_value(text)


def press_key(app: AppTest, key: str) -> AppTest:
    return healthy(app.button(key=key).click().run())
