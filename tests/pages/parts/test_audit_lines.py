"""Every kind of entry that core writes has a sentence of its own."""

import ast
from collections.abc import Iterator

from pages.parts.audit_lines import LINES
from tests.house_rules import read_modules


def recorded() -> Iterator[tuple[str, str]]:
    """Action and kind of subject of each call of ``record``, where both are written out."""
    for module in read_modules("core"):
        calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
        for call in calls:
            if isinstance(call.func, ast.Name) and call.func.id == "record" and len(call.args) == 4:
                told = call.args[2]
                ways = [told.body, told.orelse] if isinstance(told, ast.IfExp) else [told]
                actions = [each.value for each in ways if isinstance(each, ast.Constant)]
                kinds = [each.value for each in ast.walk(call.args[3]) if isinstance(each, ast.Constant)][:1]
                yield from ((str(action), str(kind)) for action in actions for kind in kinds)


def test_none_is_without_words() -> None:
    found = {*recorded()}
    assert len(found) >= 20
    assert found - {*LINES} == set()
