"""Leaving with an identity provider is for our own pages, and ends our session first (F4)."""

import pytest

from core.api.cookies import SESSION_COOKIE
from core.api.guard.leaving import Leaving
from core.errors import StoreError
from tests.core.api.guard.asking import Answer, Echo, ask
from tests.core.api.guard.rooms import Rooms

OURS = "http://localhost:8501/traces"


def leave(path: str = "/auth/logout", **headers: str) -> tuple[Answer, list[str], int]:
    """The answer, whose sessions were ended, and whether Streamlit was reached."""
    app, ended = Echo(), list[str]()
    given = {"cookie": f"{SESSION_COOKIE}=ada", **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = ask(Leaving(app, rooms=Rooms(), end=ended.append), path, headers=given)
    return answer, ended, app.reached


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site", "referer": OURS},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"referer": "https://evil.example/localhost:8501"},
        {},
    ],
)
def test_f4_another_site_cannot_make_anybody_leave(headers: dict[str, str]) -> None:
    answer, ended, reached = leave(**headers)
    assert (answer.status, ended, reached) == (403, [], 0)
    assert "set-cookie" not in answer.headers
    assert 'href="/auth/logout"' in answer.body.decode()


@pytest.mark.parametrize("headers", [{"sec_fetch_site": "same-origin"}, {"referer": OURS}])
def test_f4_leaving_ends_our_session(headers: dict[str, str]) -> None:
    answer, ended, reached = leave(**headers)
    assert (answer.status, ended, reached) == (200, ["ada"], 1)
    assert leave("/auth/login", sec_fetch_site="cross-site")[1:] == ([], 1)


def test_f4_a_session_that_cannot_be_ended_is_not_said_to_have() -> None:
    def broken(_: str) -> None:
        raise StoreError("The database does not answer.")

    app = Echo()
    headers = {"cookie": f"{SESSION_COOKIE}=ada", "sec-fetch-site": "same-origin"}
    assert ask(Leaving(app, rooms=Rooms(), end=broken), "/auth/logout", headers=headers).status == 503
    assert app.reached == 0
