"""An address without a page is said to be one; everything else is left to who answers it."""

import pytest

from core.api.guard.known_pages import KnownPages
from tests.core.api.guard.asking import Answer, Echo, ask


def _opened(path: str, method: str = "GET", accept: str = "text/html,*/*") -> Answer:
    app = KnownPages(Echo(), ["agents", "costs"])
    return ask(app, path, method=method, headers={"accept": accept}, query_string=b"trace=a")


@pytest.mark.parametrize("path", ["/nothing", "/agents/x", "/agents/x/", "/agentsx", "/Agents", "//agents"])
def test_where_no_page_is_a_browser_is_told_so_and_shown_the_way(path: str) -> None:
    answer = _opened(path)
    assert answer.status == 404
    assert b"There is nothing here" in answer.body
    assert b'href="/"' in answer.body
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/", "/agents", "/costs", "/chat", "/sign-in", "/api/x", "/healthz", "/manifest.json"]
)
def test_what_is_there_is_left_alone(path: str) -> None:
    assert _opened(path).status == 200


@pytest.mark.parametrize(("path", "there"), [("/agents/", "/agents"), ("/costs//", "/costs"), ("//", "/")])
def test_a_slash_too_many_leads_to_the_page(path: str, there: str) -> None:
    answer = _opened(path)
    assert (answer.status, answer.headers["location"]) == (308, f"{there}?trace=a")


def test_programs_and_forms_are_left_alone() -> None:
    assert _opened("/nothing", accept="application/json").status == 200
    assert _opened("/nothing", method="POST").status == 200
