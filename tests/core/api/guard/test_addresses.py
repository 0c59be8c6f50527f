"""Only our own names are answered, only our own pages change anything, and no path leads anywhere else."""

import pytest
from streamlit import net_util
from streamlit.web.server.server_util import is_url_from_allowed_origins

from core.api.guard.addresses import OwnAddresses
from tests.core.api.guard.asking import Answer, Echo, ask

PUBLIC = "https://command.example.org"


def _asked(path: str = "/", public_url: str = "", **asked: object) -> Answer:
    """What comes of it; and the application is reached exactly when it is let through."""
    echo = Echo()
    answer = ask(OwnAddresses(echo, public_url=public_url), path, **asked)  # type: ignore[arg-type]
    assert echo.reached == (answer.status in (200, 101))
    return answer


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8501", "127.0.0.1:9", "[::1]:8501", "Command.example.org:443"]
)
def test_our_own_names_are_answered(host: str, kind: str) -> None:
    assert _asked(public_url=PUBLIC, headers={"host": host}, type=kind).status in (200, 101)


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example#localhost",
        "localhost@evil.example",
        "localhost/..",
        "localhost:8501:8501",
        "localhost:",
        "localhost.",
        "[::1",
        "127.0.0.2",
        "0.0.0.0",
        "command.example.org",
        "",
    ],
)
def test_t19_another_name_reaches_nothing(host: str, kind: str) -> None:
    assert _asked(headers={"host": host}, type=kind, extensions={"websocket.http.response": {}}).status == 400


def test_t19_two_names_or_none_reach_nothing() -> None:
    assert _asked(headers=[("host", "localhost"), ("host", "localhost")]).status == 400
    echo = Echo()
    ask(OwnAddresses(echo), headers=[("host", "x")], type="websocket")
    assert echo.reached == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:3000", "http://localhost", "file://", "", "https://"]
)
def test_t19_a_page_of_another_origin_changes_nothing(origin: str, method: str) -> None:
    headers = {"host": "localhost:8501", "origin": origin, "authorization": "Bearer x"}
    answer = _asked("/api/agents", method=method, headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")


def test_t19_a_page_of_another_origin_opens_no_websocket(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda url, **_: asked.append(url))
    monkeypatch.setattr(net_util, "_external_ip", None)
    assert not is_url_from_allowed_origins("http://evil.example")
    assert asked, "what is refused here is no longer what Streamlit looks up"
    for origin in ("http://evil.example", "http://localhost:3000", "null"):
        assert _asked(type="websocket", headers={"host": "localhost:8501", "origin": origin}).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_t19_a_browser_that_hides_the_origin_changes_nothing(site: str) -> None:
    assert _asked(method="POST", headers={"sec-fetch-site": site}).status == 403
    assert _asked(method="POST", headers={"sec-fetch-site": site, "authorization": "Bearer x"}).status == 200
    assert _asked(method="GET", headers={"sec-fetch-site": site}).status == 200


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8501", "http://localhost:8501"),
        ("[::1]:8501", "http://[::1]:8501"),
        ("command.example.org", PUBLIC),
        ("127.0.0.1:8501", PUBLIC),
    ],
)
def test_our_own_pages_and_programs_pass(host: str, origin: str) -> None:
    for kind, method in (("http", "POST"), ("websocket", "GET")):
        for headers in ({"host": host, "origin": origin}, {"host": host}):
            assert _asked(public_url=PUBLIC, type=kind, method=method, headers=headers).status in (200, 101)


HOSTILE_PATHS = (
    "../etc/passwd",
    "x/../../etc/passwd",
    "./x",
    "..\\..\\windows\\win.ini",
    "\\\\server\\share",
    "%2e%2e/etc/passwd",
    "%2fetc%2fpasswd",
    "x\0.csv",
    "x\r\nSet-Cookie: a=b",
    "//etc/passwd",
    "x/..",
    "\x7f",
)
"""As the server hands them on: decoded once."""


@pytest.mark.parametrize("place", ["/", "/api/", "/api/agents/", "/api/exports/", "/media/", "/static/", "/sign-in/"])
@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_t13_no_address_leads_out(place: str, path: str) -> None:
    assert _asked(place + path).status == 400


@pytest.mark.parametrize("path", ["/", "/api/agents/ü-1", "/traces", "/static/js/index.-a..b.js", "/media/a.png"])
def test_ordinary_addresses_pass(path: str) -> None:
    assert _asked(path).status == 200


def test_what_the_pages_server_tells_about_itself_is_not_told() -> None:
    assert _asked("/_stcore/metrics").status == 404
    assert _asked("/_stcore/health").status == 200
