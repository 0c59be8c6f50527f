"""What a person does with a page and reads on it, without a browser."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import AlertBase, Button, Code, HeadingBase, Markdown

from core import wiring
from core.access.roles import Person
from core.place import PROJECT
from core.registry.agents import AgentDraft, AgentView
from core.wiring import Services

W = TypeVar("W")

_reading: list[Person] = []
_DRAFT = AgentDraft("An agent", "For a test", "claude-haiku-5-5", "", 1_000, False, ())


def open_app(page: str = "chat", **query: str | list[str]) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    app.query_params.update(query)
    return visit(app.run(), page) if page != "chat" else healthy(app.run())


def visit(app: AppTest, page: str) -> AppTest:
    return healthy(app.switch_page(f"pages/{page}.py").run())


def healthy(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].message
    return app


def services() -> Services:
    """Those of the app under test."""
    return wiring.services()


def become(role: str, person_id: str | None = None) -> Person:
    """Whoever reads the pages from now on: with another role, or somebody else."""
    me = services().me
    _reading.append(Person(person_id or me.id, me.name, role))
    wiring._running = replace(services(), who=lambda: _reading[-1])
    return _reading[-1]


def ask(app: AppTest, text: str) -> AppTest:
    """Type a message, send it and wait for the end of the answer."""
    return healthy(app.chat_input[0].set_value(text).run())


def words(app: AppTest) -> str:
    """All that is written on the page, but for labels."""
    written = (element for area in (app.main, app.sidebar) for element in area)
    return "\n".join(
        element.value for element in written if isinstance(element, Markdown | Code | AlertBase | HeadingBase)
    )


def labelled(widgets: Iterable[W], label: str) -> W:
    """The one with this label."""
    found = [widget for widget in widgets if getattr(widget, "label", None) == label]
    assert len(found) == 1, f"{len(found)} of {label!r} among {[getattr(each, 'label', None) for each in widgets]}"
    return found[0]


def answer(app: AppTest) -> str:
    """What is written in the last message."""
    return "\n".join(each.value for each in app.chat_message[-1] if isinstance(each, Markdown | Code))


def button(app: AppTest, label: str) -> Button:
    return labelled(app.button, label)


def has_button(app: AppTest, label: str) -> bool:
    return any(each.label == label for each in app.button)


def press(app: AppTest, label: str) -> AppTest:
    return healthy(button(app, label).click().run())


def new_agent(name: str = "An agent", model: str = "claude-haiku-5-5", **fields: object) -> AgentView:

    draft = replace(_DRAFT, name=name, model=model, **fields)  # type: ignore[arg-type]
    return services().agents.create(services().me, draft)


def last_total() -> int:
    """Nano-dollars of the newest trace."""
    total = services().traces.page(services().me)[0].total
    assert total is not None
    return total


def conversation_of(app: AppTest) -> str:
    return str(app.query_params["conversation"])
