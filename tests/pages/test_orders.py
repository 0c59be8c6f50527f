"""A census: whatever text is stored, under whatever name, gives Streamlit no orders anywhere on any page or dialog."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message  # type: ignore[import-untyped]
from markdown_it import MarkdownIt
from sqlalchemy import Connection, text
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from core.access.tokens import TokenDraft
from core.budgets.budgets import BudgetDraft
from core.clock import now
from core.conversations.attachments import Attachment
from core.registry.agents import AgentDraft
from core.registry.mcp_registry import McpServerDraft
from core.store.tables import Row
from pages.parts.places import PLACES
from tests.core.acts import Acts
from tests.core.chat.conftest import ended
from tests.core.rows import Rows
from tests.pages.house import House, house
from tests.pages.parts.streamlit_markdown import orders
from tests.pages.screen import healthy

__all__ = ["house"]

NAME, ANSWER = "Plantedname", "Plantedanswer"
"""Stand for what is stored until all of it is there. Answers are Markdown, and may be formatted."""
_ORDERS = ":material/skull: :skull: :streamlit: :rainbow[{0}] :violet-badge[{0}] -> {0}"
_FORMATS = "$Xq7$ $$Xq7$$ [Xq7](javascript:x) **Xq7** `Xq7` <b>Xq7</b> ![Xq7](x.png)"
HOSTILE = {
    NAME: f"# {_ORDERS.format('Xq7')} {_FORMATS}",
    ANSWER: f"{_ORDERS.format('Zq7')} ![Zq7](http://x.test/x.png)",
}
# What Streamlit shows as it is, charts and the heads of tables included; whatever is not here is taken for Markdown, so
# that a new element is looked at.
VERBATIM = {
    ("TextInput", "default"),
    ("TextInput", "value"),
    ("TextInput", "placeholder"),
    ("TextArea", "default"),
    ("TextArea", "value"),
    ("TextArea", "placeholder"),
    ("ChatInput", "placeholder"),
    ("Code", "code_text"),
    ("Text", "body"),
    ("Selectbox", "options"),
    ("Selectbox", "raw_value"),
    ("MultiSelect", "options"),
    ("MultiSelect", "raw_values"),
    ("Dataframe", "columns"),
    ("VegaLiteChart", "spec"),
}
_OURS = re.compile(r"skull|streamlit:|rainbow|violet|[<>-] [XZ]q7|[XZ]q7")


def texts(message: Message, within: str = "") -> Iterator[tuple[str, str, str]]:
    """Kind of message, field and text, of all that is sent to the browser."""
    for field, value in message.ListFields():
        for each in value if field.is_repeated else (value,):
            if isinstance(each, Message):
                yield from texts(each)
            elif isinstance(each, str):
                yield message.DESCRIPTOR.name, field.name, each


def drawn(block: Block) -> Iterator[tuple[str, str, str]]:
    for node in (block, *block.children.values()):
        proto = getattr(node, "proto", None)
        if isinstance(proto, Message):
            yield from texts(proto)
        if node is not block and isinstance(node, Block):
            yield from drawn(node)


def given(kind: str, field: str, said: str) -> list[str]:
    """What Streamlit would do with the text that somebody else has the words of."""
    if (kind, field) in VERBATIM or not ("Xq7" in said or "Zq7" in said):
        return []
    found = [order for order in orders(said) if _OURS.search(order) or order.strip() == "->"]
    tokens = [child for token in MarkdownIt().parse(said) for child in (token, *(token.children or []))]
    found += [child.type for child in tokens if child.type == "image"]
    if "Xq7" in said and "Zq7" not in said:
        found += [each.group() for each in re.finditer(r"(?<!\\)\$+Xq7", said)]
        found += [each.type for each in tokens if each.type in ("link_open", "html_inline") or _is_set(each)]
    return found


def _is_set(token: Any) -> bool:
    return token.type == "code_inline" and "Xq7" in token.content


def plant(house: House) -> dict[str, dict[str, str]]:
    """Everything that is stored, with the names in it; returns what is asked of each page's address."""
    services, root = house.services, house.root.session.person
    other = house.join(NAME).session.person
    services.access.people.rename(root, f"Root {NAME}")
    draft = AgentDraft(NAME, NAME, "claude-haiku-5-5", NAME, 1_000, False, (f"{NAME} to begin with",))
    agent = services.agents.create(root, draft)
    services.registry.register(root, McpServerDraft(NAME.lower(), "stdio", command="python", args=("-c", NAME)))
    services.access.tokens.create(root, TokenDraft(NAME, "operator", now() + timedelta(days=1), (agent.id,)))
    file = Attachment(f"{NAME}.csv", b"a,1\n")
    ended(services.turns.send(owner=root, agent_id=agent.id, text=f"{NAME} [[say: {ANSWER}]]", attachments=[file]))
    for scope, subject in (("organisation", None), ("person", other.id), ("agent", agent.id)):
        services.budgets.create(root, BudgetDraft(scope, subject, "month", 1))  # type: ignore[arg-type]
    rows = Rows(services.store)
    conversation = rows.conversation(root.id, agent.id, f"{NAME} talk")
    acts = Acts(services.store, root.id, agent.id, conversation, at=now() - timedelta(seconds=60))
    session = acts.session(agent.id, 0, 900, model=NAME)
    acts.call(session, 1, 0, 300, status="failed", error_type=NAME, error_text=f"bad {NAME}", cost_reason=NAME)
    span = acts.tool(session, 1, f"{NAME.lower()}__tool", 300, 10, input=f'"{NAME}"', output=NAME, error_text=NAME)
    acts.consent(span, "denied", other.id, f"Not {NAME}")
    trace = acts.write(
        instruction=f"{NAME} asked", error_type=NAME, error_text=NAME, model=NAME, source=NAME, key_source="own"
    )
    rows.message(conversation, "user", f"{NAME} asked", trace)
    rows.message(conversation, "assistant", ANSWER, trace, content=[{"type": "text", "text": ANSWER}])
    newest = services.conversations.list(root)[0].id
    services.store.write(_make_hostile).result()
    return {"chat": {"conversation": conversation}, "sent": {"conversation": newest}, "traces": {"trace": trace}}


def _make_hostile(connection: Connection) -> None:
    """Also where rows are only ever added: triggers that see to that are back afterwards."""
    triggers = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
    for name, _ in triggers:
        connection.execute(text(f'DROP TRIGGER "{name}"'))
    for table in Row.metadata.sorted_tables:
        for column in table.columns:
            for word in (NAME, NAME.lower(), ANSWER):
                change = f'UPDATE "{table.name}" SET "{column.name}" = replace("{column.name}", ?, ?)'
                said = (word, HOSTILE[ANSWER if word == ANSWER else NAME], f"%{word}%")
                connection.exec_driver_sql(f'{change} WHERE "{column.name}" LIKE ?', said)
    for _, sql in triggers:
        connection.exec_driver_sql(sql)


def check(app: AppTest, where: str) -> None:
    found = {
        (kind, field, str(given(kind, field, said)), said[:300])
        for area in (app.main, app.sidebar)
        for kind, field, said in drawn(area)
        if given(kind, field, said)
    }
    assert found == set(), where
    assert "Xq7" in str([said for area in (app.main, app.sidebar) for _, _, said in drawn(area)]), where


@pytest.mark.parametrize("page", [*(place.name for place in PLACES), "sent"])
def test_e5_no_stored_text_gives_streamlit_orders_on_any_page_or_in_any_dialog(house: House, page: str) -> None:
    asked = plant(house).get(page, {})
    page = "chat" if page == "sent" else page
    app = house.open(house.root, page, **asked)
    check(app, page)
    # It ends all the others, and what it leads to has nothing of anybody's.
    keys = [each.key or each.label for each in app.button if each.label != "Sign out"]
    for key in keys:
        app = house.open(house.root, page, **asked)
        for each in [each for each in app.button if (each.key or each.label) == key and not each.disabled][:1]:
            each.click()
            check(healthy(app.run()), f"{page}: {key}")
