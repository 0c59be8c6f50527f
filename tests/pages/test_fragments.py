"""Dialogs and fragments ask as pages do: nothing more is drawn for whoever has left or may not any more."""

import ast
from pathlib import Path
from typing import TypeGuard

import pytest

from core.access.roles import Permission, Person, permissions
from core.errors import NotSignedIn
from pages.parts import asking
from tests.pages.screen import become, open_app, services

PAGES = Path(asking.__file__).parents[1]


class Again(Exception):
    """The page is drawn anew."""


def fragments() -> list[tuple[str, ast.FunctionDef]]:
    nodes = [(path, node) for path in PAGES.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    return [(f"{path.name}:{node.name}", node) for path, node in nodes if is_fragment(node)]


def is_fragment(node: ast.AST) -> TypeGuard[ast.FunctionDef]:
    marks = [ast.unparse(each) for each in node.decorator_list] if isinstance(node, ast.FunctionDef) else []
    return any(mark.startswith(("st.dialog", "st.fragment")) for mark in marks)


@pytest.mark.parametrize(("name", "node"), fragments(), ids=[name for name, _ in fragments()])
def test_f4_every_dialog_and_fragment_asks(name: str, node: ast.FunctionDef) -> None:
    marks = [ast.unparse(each) for each in node.decorator_list]
    asked = any(mark.startswith("asks(Permission.") for mark in marks) or "services.me" in ast.unparse(node)
    assert asked, f"{name} draws without asking who reads"
    assert marks[0].startswith(("st.dialog", "st.fragment")), "it asks each time it is drawn, not only the first time"


@pytest.mark.parametrize("needs", [each for each in Permission if each is not Permission.OWN_ACCESS])
def test_f4_whoever_is_lowered_or_signed_out_sees_no_more_of_it(
    needs: Permission, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_app()
    drawn: list[str] = []

    def again() -> None:
        raise Again

    monkeypatch.setattr("streamlit.rerun", again)
    draw = asking.asks(needs)(lambda _, word: drawn.append(word))
    draw(services(), "as an admin")
    assert drawn == ["as an admin"]
    if needs not in permissions("operator"):
        become("operator")
        with pytest.raises(Again):
            draw(services(), "lowered")
    _sign_out(monkeypatch)
    with pytest.raises(Again):
        draw(services(), "signed out")
    assert drawn == ["as an admin"]


def _sign_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: object) -> Person:
        raise NotSignedIn("Nobody is signed in.")

    monkeypatch.setattr(type(services()), "me", property(nobody))
