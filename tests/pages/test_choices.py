"""No list's first entry ever stands in for what is gone: who chooses among things says where the choice begins."""

import ast
from collections.abc import Iterator

from tests.house_rules import Module, read_modules

CHOOSERS = ("selectbox", "radio")
FROM_THE_FIRST = {
    "pages.parts.agent_form": "a new agent's model; one that is there has its own, or none",
    "pages.parts.server_form": "how a new server is reached; one that is there has its own",
    "pages.parts.budget_form": "whose a new budget is",
    "pages.parts.invitation": "the role with the least rights",
    "pages.parts.token_form": "the role with the least rights, and all agents, which the form says",
    "pages.parts.filter_bar": "what the address says is put in place before each of them is drawn",
}
"""Where a choice may begin with the first entry, and why nothing that is gone is meant by it."""


def test_l1_every_choice_among_things_begins_with_what_is_meant_or_with_none() -> None:
    found = {module.name for module in read_modules("pages") if any(_from_the_first(module))}
    assert found == set(FROM_THE_FIRST)


def _from_the_first(module: Module) -> Iterator[bool]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHOOSERS:
            begins = [each.value for each in node.keywords if each.arg == "index"] or node.args[2:3]
            yield not begins or _may_be_the_first(begins[0])


def _may_be_the_first(begins: ast.expr) -> bool:
    """A 0 that is written, or comes of what is looked up and not found."""
    return any(isinstance(each, ast.Constant) and each.value == 0 for each in ast.walk(begins))
