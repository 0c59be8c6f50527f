"""The page that was wanted outlives the way to the identity provider, and nothing else does."""

from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from core.api.cookies import WANTED_COOKIE
from core.api.guard.way_back import LEAVES, RETURNS, WayBack
from tests.core.api.guard.asking import Answer, ask

HOST = "command.test"


class Streamlit:
    """Leads away, and from there to the first page."""

    def __init__(self, location: str = "/", status: int = 302) -> None:
        self._location, self._status = location, status

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"location", self._location.encode()), (b"set-cookie", b"_streamlit_user=x")]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def leave(referer: str, status: int = 302) -> str:
    """The cookie that is set on the way out."""
    app = WayBack(Streamlit("https://identity.test/authorize", status))
    answer = ask(app, LEAVES, headers={"host": HOST, "referer": referer} if referer else {"host": HOST})
    assert answer.headers["location"] == "https://identity.test/authorize"
    return answer.headers["set-cookie"].removeprefix("_streamlit_user=x")


def come_back(cookie: str, location: str = "/") -> Answer:
    return ask(WayBack(Streamlit(location)), RETURNS, headers={"host": HOST, "cookie": cookie})


@pytest.mark.parametrize("page", ["/", "/traces?trace=0199-a&status=failed", "/?conversation=0199&x=%2F%3B;,%22"])
def test_people_come_back_to_the_page_they_wanted_and_once(page: str) -> None:
    cookie = leave(f"https://{HOST}{page}")
    assert cookie.endswith("; Max-Age=600; Path=/oauth2callback; HttpOnly; SameSite=Lax")
    answer = come_back(cookie.partition(";")[0])
    assert answer.headers["location"] == page
    assert answer.headers["set-cookie"].startswith(f"{WANTED_COOKIE}=; Max-Age=0; Path=/oauth2callback;")


@pytest.mark.parametrize("referer", ["", "https://evil.test/traces", "/traces", "https://command.test@evil.test/"])
def test_only_our_own_pages_are_kept(referer: str) -> None:
    assert leave(referer) == ""


def test_only_the_way_to_the_first_page_is_changed() -> None:
    known = f"{WANTED_COOKIE}=/traces"
    assert come_back("other=1").headers["location"] == "/"
    assert come_back(known, "https://identity.test/again").headers["location"] == "https://identity.test/again"
    assert ask(WayBack(Streamlit()), "/costs", headers={"cookie": known}).headers["location"] == "/"
    assert leave(f"https://{HOST}/traces", 400) == ""
    assert "Max-Age=0" in leave(f"https://{HOST}/" + "?" * 1_999)


@given(st.text(st.sampled_from("/\\:@.?#%x \t\n;") | st.characters(codec="utf-8"), max_size=12))
@examples(max_examples=100)
def test_t19_no_way_back_leads_to_somebody_elses_page(forged: str) -> None:
    for cookie in (quote(forged, safe=""), forged.encode("ascii", "ignore").decode()):
        location = come_back(f"{WANTED_COOKIE}={cookie}").headers["location"]
        read = "".join(letter for letter in location if letter not in "\t\r\n").replace("\\", "/")
        assert urlsplit(urljoin(f"https://{HOST}/sign-in", read)).netloc == HOST
