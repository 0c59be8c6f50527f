"""The error tree: one root, drawn as it is, with codes and statuses that programs can rely on."""

import re

import pytest

from core import errors
from core.errors import AppError, ProviderError, TurnLost

EVERY = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AppError)]


def _drawn() -> list[tuple[int, str, int | None]]:
    """Depth, name and status of each line of the drawing."""
    rows = re.findall(r"^([│├└─ ]*)([A-Z]\w+)(?: +(\d{3}))?", errors.__doc__.partition("AppError")[2], re.MULTILINE)
    return [(len(indent) // 4, name, int(status) if status else None) for indent, name, status in rows]


def test_the_drawing_is_the_tree() -> None:
    drawn = {name: (depth, status) for depth, name, status in _drawn()}
    real = {kind.__name__: (kind.__mro__.index(AppError), kind.status) for kind in EVERY if kind is not AppError}
    assert drawn == real


def test_each_parent_is_drawn_above_its_children() -> None:
    above: dict[int, str] = {0: "AppError"}
    for depth, name, _ in _drawn():
        assert vars(errors)[name].__base__.__name__ == above[depth - 1]
        above[depth] = name


def test_codes_are_stable_words_of_their_own() -> None:
    codes = [kind.code for kind in EVERY if "code" in vars(kind)]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z_]+", code) for code in codes)


@pytest.mark.parametrize("kind", [kind for kind in EVERY if not issubclass(kind, (ProviderError, TurnLost))])
def test_an_error_is_what_it_says_to_the_user(kind: type[AppError]) -> None:
    error = kind("The disk is full. Free some space.")
    assert str(error) == error.for_user == "The disk is full. Free some space."


def test_a_provider_error_keeps_what_the_books_need() -> None:
    error = ProviderError("Busy.", kind="overloaded_error", http_status=529, request_id="req_1", retry_after=7)
    assert (error.kind, error.http_status, error.request_id, error.retry_after) == ("overloaded_error", 529, "req_1", 7)
    assert error.detail == ""
