"""Who has not signed in is led there, and nobody else."""

import pytest

from core.api.cookies import SESSION_COOKIE
from core.api.guard.sign_in_first import SignInFirst
from tests.core.api.guard.asking import Answer, Echo, ask
from tests.core.api.guard.rooms import Rooms, session_of


def _opened(path: str = "/traces", method: str = "GET", **headers: str) -> Answer:
    given = {"accept": "text/html,*/*", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return ask(
        SignInFirst(Echo(), rooms=Rooms(), check=session_of),
        path,
        method=method,
        headers=given,
        query_string=b"trace=a&x=//y",
    )


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_stranger_is_led_to_sign_in_and_from_there_back(site: str) -> None:
    answer = _opened(sec_fetch_site=site, cookie="other=1")
    assert (answer.status, answer.headers["location"]) == (303, "/sign-in?next=/traces%3Ftrace%3Da%26x%3D//y")


@pytest.mark.parametrize(
    "path", ["/sign-in", "/join", "/api/docs", "/healthz", "/static/x.html", "/_stcore/health", "/oauth2callback"]
)
def test_what_is_for_anybody_stays_open(path: str) -> None:
    assert _opened(path).status == 200


def test_others_pass() -> None:
    assert _opened(cookie=f"a=b; {SESSION_COOKIE}=ada").status == 200
    assert _opened(accept="application/json").status == 200
    assert _opened(method="POST").status == 200


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_g1_whose_sign_in_has_ended_is_led_there_too(site: str) -> None:
    assert _opened(sec_fetch_site=site, cookie=f"{SESSION_COOKIE}=ended").status == 303


def test_g1_a_link_from_elsewhere_is_opened_once_more_with_the_cookie_that_was_kept_back() -> None:
    """A page without its cookie could not be drawn: the same address is asked for again, by a page of ours."""
    answer = _opened(sec_fetch_site="cross-site")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert 'content="0;url=/traces?trace=a&amp;x=//y"' in answer.body.decode()
    assert "<script" not in _opened('/"><script>', sec_fetch_site="cross-site").body.decode()


def test_g1_with_an_identity_provider_who_proves_nothing_is_led_there_before_any_page_is_opened() -> None:
    guard = SignInFirst(Echo(), rooms=Rooms(), check=None)
    html = {"accept": "text/html"}
    assert ask(guard, "/costs", headers=html).status == 303
    assert ask(guard, "/costs", headers={**html, "cookie": f"{SESSION_COOKIE}=ended"}).status == 200
