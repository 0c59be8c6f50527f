"""Every field of a page that takes text leads to a function that keeps it as typed or refuses it, or only seeks."""

import ast
from pathlib import Path

import pytest

from tests.core.access.test_typed_text import TYPED
from tests.house_rules import read_modules
from tests.pages.agent_dialogs import fill, open_form, submit
from tests.pages.screen import labelled, open_app, services

SOUGHT, HASHED, AMOUNT = "is looked for", "is hashed as it is", "is read as an amount, or refused"
FIELDS: dict[str, list[str]] = {
    "pages.account": ["People.rename name", HASHED, HASHED, HASHED],
    "pages.budgets": [SOUGHT],
    "pages.chat": ["Turns.send text"],
    "pages.parts.agent_form": [
        "AgentDraft.name",
        "AgentDraft.description",
        "AgentDraft.system_prompt",
        "AgentDraft.starters",
        AMOUNT,
    ],
    "pages.parts.approval": ["Approvals.decide reason"],
    "pages.parts.budget_form": [AMOUNT],
    "pages.parts.conversation_list": [SOUGHT, "Conversations.rename title"],
    "pages.parts.filter_bar": [SOUGHT],
    "pages.parts.invitation": ["People.invite name", "People.invite email"],
    "pages.parts.provider_keys": ["ProviderKeys.set secret"],
    "pages.parts.server_card": [SOUGHT],
    "pages.parts.server_form": [
        "McpServerDraft.name",
        "McpServerDraft.command",
        "McpServerDraft.args",
        "McpServerDraft.url",
        "McpServerDraft.secrets",
        "McpServerDraft.secrets",
    ],
    "pages.parts.token_form": ["TokenDraft.name"],
    "pages.parts.transcript": ["Turns.send text"],
    "pages.parts.unsent": ["Turns.send text"],
    "pages.people": [SOUGHT],
}
"""In the order in which they stand in the file."""


def test_h3_every_field_for_text_is_in_the_table() -> None:
    found = {module.name: _fields(module.tree) for module in read_modules("pages")}
    assert {name: many for name, many in found.items() if many} == {name: len(each) for name, each in FIELDS.items()}
    assert {each for some in FIELDS.values() for each in some} - {SOUGHT, HASHED, AMOUNT} <= set(TYPED)


def _fields(tree: ast.AST) -> int:
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return sum(
        isinstance(each, ast.Attribute) and each.attr in ("text_input", "text_area", "chat_input") for each in called
    )


@pytest.mark.parametrize("field", ["What it is for", "System prompt", "Prompts to begin with, one a line"])
def test_h3_a_form_says_where_the_character_stands_that_cannot_be_kept(own_data: Path, field: str) -> None:
    for server in services().registry.list(services().me):
        services().registry.set_active(services().me, server.id, False)
    app = open_form(open_app("agents"))
    before = services().agents.list(services().me)
    fill(app, Name="Clerk")
    [box] = [each for each in (*app.text_input, *app.text_area) if each.label == field]
    box.set_value("ab\0c")
    submit(app)
    assert "has the character NUL at place 3" in app.error[0].value
    assert labelled(app.text_input, "Name").value == "Clerk"
    assert services().agents.list(services().me) == before
