"""Who has not signed in is led there, and nobody else."""

import pytest

from core.api.cookies import SESSION_COOKIE
from core.api.guard.sign_in_first import SignInFirst
from tests.core.api.guard.asking import Answer, Echo, ask


def _opened(path: str = "/traces", method: str = "GET", **headers: str) -> Answer:
    given = {"accept": "text/html,*/*", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return ask(SignInFirst(Echo()), path, method=method, headers=given, query_string=b"trace=a&x=//y")


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_a_stranger_is_led_to_sign_in_and_from_there_back(site: str) -> None:
    answer = _opened(sec_fetch_site=site, cookie="other=1")
    assert (answer.status, answer.headers["location"]) == (303, "/sign-in?next=/traces%3Ftrace%3Da%26x%3D//y")


@pytest.mark.parametrize("path", ["/sign-in", "/join", "/api/docs", "/healthz", "/static/x.html", "/_stcore/health"])
def test_what_is_for_anybody_stays_open(path: str) -> None:
    assert _opened(path).status == 200


def test_others_pass() -> None:
    assert _opened(cookie=f"a=b; {SESSION_COOKIE}=x").status == 200
    assert _opened(accept="application/json").status == 200
    assert _opened(sec_fetch_site="cross-site").status == 200
    assert _opened(method="POST").status == 200
