"""Below a path of a proxy: no answer, link, cookie or request of a page leads out of it, for people and programs."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme
from playwright.sync_api import Page, expect, sync_playwright
from websockets.sync.client import connect
from websockets.typing import Origin

from core.api.sub_path import origin_of
from core.settings import Settings
from tests.browser.chatting import await_end, say
from tests.browser.test_oidc import sign_in as sign_in_at_provider
from tests.chromium import launch
from tests.identity_provider import identity_provider
from tests.served import free_port, served_at_once
from tests.test_proxy import Site, in_place, nginx

PATH = "/cc"
PASSWORD = "four quiet grey herons"
BOSS = {"sub": "boss", "name": "Boss", "email": "boss@example.org", "email_verified": True}
_ADDRESSES = re.compile(r"""(?:href|action|src)=["']([^"']*)["']|content=["']0;url=([^"']*)["']""")
_HTML = {"Accept": "text/html,*/*;q=0.8"}


def below(stack: ExitStack, folder: Path, **settings: Any) -> Site:
    """The product below the path, and nothing else there."""
    port, authority = free_port(), trustme.CA()
    url = f"https://localhost:{port}{PATH}"
    server = stack.enter_context(served_at_once(folder / "data", PUBLIC_URL=url, SIMULATOR_PACE="0", **settings))
    block = in_place(folder, port, (server, server), authority.issue_cert("localhost"))
    assert block.count("location / {") == 1
    tls = httpx2.create_ssl_context()
    authority.configure_trust(tls)
    stack.enter_context(nginx(folder, block.replace("location / {", f"location {PATH}/ {{"), url, tls))
    return Site(url, tls, (server,))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        yield below(stack, tmp_path_factory.mktemp("sub-path"), AUTH="accounts")


class Browser:
    """Follows nothing by itself, and looks at every address that it is told."""

    def __init__(self, site: Site) -> None:
        self.site, self.root = site, site.url.removesuffix(PATH)
        self.http = httpx2.Client(base_url=self.root, verify=site.tls, timeout=30)
        self.seen: list[str] = []

    def ask(self, address: str, method: str = "GET", **asked: Any) -> httpx2.Response:
        answer = self.http.request(method, address, headers={**_HTML, **asked.pop("headers", {})}, **asked)
        told = [answer.headers[name] for name in ("location", "content-location") if name in answer.headers]
        if "html" in answer.headers.get("content-type", ""):
            told += ["".join(found) for found in _ADDRESSES.findall(answer.text)]
        for each in told:
            self.inside(str(httpx2.URL(f"{self.root}{address}").join(each)) if not each.startswith("#") else address)
        for cookie in answer.headers.get_list("set-cookie"):
            assert re.search(rf"; path={PATH}(/|;|$)", cookie, re.IGNORECASE), cookie
        return answer

    def inside(self, address: str) -> None:
        self.seen.append(address)
        path = address.removeprefix(self.root)
        assert address.startswith("data:") or path == PATH or path.startswith(f"{PATH}/"), address
        assert not path.startswith(f"{PATH}{PATH}"), address


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    browser = Browser(site)
    yield browser
    browser.http.close()


def admin_cookie(browser: Browser) -> None:
    """Set the first admin up if need be, and sign in."""
    [server] = browser.site.servers
    [address] = re.findall(r"Set up the first admin at (\S+)", server.log.read_text())
    browser.inside(address)
    card = browser.ask(address.removeprefix(browser.root))
    if card.status_code == 200:
        form = {"link": address.rpartition("=")[2], "name": "Root", "email": "root@example.org"}
        joined = browser.ask(f"{PATH}/join", "POST", data={**form, "password": PASSWORD, "again": PASSWORD})
        assert (joined.status_code, joined.headers["location"]) == (303, f"{PATH}/")


def test_i5_people_sign_in_and_out_below_the_path(browser: Browser) -> None:
    assert browser.ask(PATH, headers={"Host": browser.root.partition("//")[2]}).status_code in (301, 308)
    admin_cookie(browser)
    browser.http.cookies.clear()
    wanted = browser.ask(f"{PATH}/costs?by=model")
    assert (wanted.status_code, wanted.headers["location"]) == (303, f"{PATH}/sign-in?next=/costs%3Fby%3Dmodel")
    form = browser.ask(wanted.headers["location"])
    assert f'action="{PATH}/sign-in"' in form.text
    fields = {"email": "root@example.org", "password": PASSWORD, "next": "/costs?by=model"}
    wrong = browser.ask(f"{PATH}/sign-in", "POST", data={**fields, "password": "wrong"})
    assert wrong.status_code == 401
    signed_in = browser.ask(f"{PATH}/sign-in", "POST", data=fields)
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, f"{PATH}/costs?by=model")
    page = browser.ask(signed_in.headers["location"])
    assert page.status_code == 200
    [script] = [each for each in browser.seen if re.search(r"/static/js/index\.[^/]+\.js$", each)][-1:]
    assert browser.ask(script.removeprefix(browser.root)).status_code == 200
    crossing = browser.ask(f"{PATH}/traces?id=1", headers={"Sec-Fetch-Site": "cross-site", "Cookie": ""})
    assert f"url={PATH}/traces?id=1" in crossing.text or crossing.status_code == 200
    assert browser.ask(f"{PATH}/costs/").headers["location"] == f"{PATH}/costs"
    assert browser.ask(f"{PATH}/nothing/here").status_code == 404
    assert browser.ask(f"{PATH}/sign-out").status_code == 200
    out = browser.ask(f"{PATH}/sign-out", "POST")
    assert (out.status_code, out.headers["location"]) == (303, f"{PATH}/sign-in")
    assert browser.ask(f"{PATH}/costs").status_code == 303


def test_i5_programs_are_told_addresses_below_the_path(browser: Browser) -> None:
    admin_cookie(browser)
    docs = browser.ask(f"{PATH}/api/docs")
    assert f"{browser.site.url}/api/agents" in docs.text
    document = browser.ask(f"{PATH}/api/openapi.json").json()
    assert document["servers"] == [{"url": PATH}]
    given = {"email": "root@example.org", "password": PASSWORD}
    token = browser.ask(f"{PATH}/api/auth/login", "POST", json=given).json()["accessToken"]
    bearer = {"Authorization": f"Bearer {token}"}
    [agent, *_] = browser.ask(f"{PATH}/api/agents", headers=bearer).json()["data"]
    asked = {"agentId": agent["id"], "message": "[[say: Below it]]"}
    plain = {**bearer, "Accept": "application/json"}
    assert browser.ask(f"{PATH}/chat", "POST", json=asked, headers=plain).json()["reply"] == "Below it"
    order = browser.ask(f"{PATH}/api/exports", "POST", json={"file": "traces"}, headers=plain)
    urls = [value for name, value in order.json()["data"].items() if name.lower().endswith("url")]
    assert len(urls) == 3
    for url in urls:
        browser.inside(browser.root + url)
    assert "Below it" not in browser.ask(urls[0]).text
    for word in json.dumps(order.json()).split('"'):
        assert not re.match(r"/(api|chat|mcp)/", word), word


def test_i5_the_pages_socket_opens_below_the_path_and_not_for_strangers(browser: Browser) -> None:
    socket = f"{browser.site.url.replace('https', 'wss')}/_stcore/stream"
    origin = Origin(browser.root)
    with pytest.raises(Exception, match=r"401|403"):
        connect(socket, ssl=browser.site.tls, origin=origin).close()
    admin_cookie(browser)
    browser.ask(f"{PATH}/sign-in", "POST", data={"email": "root@example.org", "password": PASSWORD})
    cookies = "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())
    with connect(
        socket,
        ssl=browser.site.tls,
        origin=origin,
        subprotocols=["streamlit"],  # type: ignore[list-item]
        additional_headers={"Cookie": cookies},
    ) as pages:
        assert pages.response is not None
        assert pages.response.status_code == 101


def watched(page: Page, root: str) -> list[str]:
    """The addresses of this server outside of the path that its pages ask for."""
    outside: list[str] = []

    def look(address: str) -> None:
        path = address.removeprefix(root)
        if address.startswith(root) and path != PATH and not path.startswith(f"{PATH}/"):
            outside.append(path)

    page.on("request", lambda request: look(request.url))
    page.on("websocket", lambda socket: look(socket.url.replace("wss", "https")))
    return outside


def test_i5_a_browser_signs_in_chats_and_downloads_below_the_path(site: Site) -> None:
    browser = Browser(site)
    admin_cookie(browser)
    browser.http.close()
    with sync_playwright() as playwright, launch(playwright) as chromium:
        page = chromium.new_context(ignore_https_errors=True).new_page()
        page.set_default_timeout(60_000)
        outside = watched(page, browser.root)
        page.goto(f"{site.url}/")
        page.get_by_label("E-mail address").fill("root@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        say(page, "[[say: Below it.]]")
        expect((await_end(page)).get_by_text("Below it.")).to_be_visible(timeout=40_000)
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Traces").click()
        expect(page).to_have_url(f"{site.url}/traces", timeout=40_000)
        page.get_by_role("button", name="Export").click()
        files = page.get_by_test_id("stPopoverBody").get_by_role("link")
        expect(files.first).to_be_visible(timeout=40_000)
        for link in files.all():
            assert (link.get_attribute("href") or "").startswith(f"{PATH}/api/exports/")
        page.keyboard.press("Escape")
        page.goto(f"{site.url}/account")
        link = page.get_by_role("link", name="The page of the API")
        assert link.get_attribute("href") == f"{PATH}/api/docs"
        page.reload()
        expect(link).to_be_visible()
        assert outside == []


def test_i5_people_of_an_identity_provider_come_back_below_the_path(tmp_path: Path) -> None:
    with ExitStack() as stack:
        provider = stack.enter_context(identity_provider(BOSS))
        site = below(
            stack,
            tmp_path,
            AUTH="oidc",
            OIDC_DISCOVERY_URL=f"{provider}/.well-known/openid-configuration",
            OIDC_CLIENT_ID="command-center",
            OIDC_CLIENT_SECRET="secret-of-the-client",
            OIDC_ADMINS="boss@example.org",
        )
        with sync_playwright() as playwright, launch(playwright) as chromium:
            page = chromium.new_context(ignore_https_errors=True).new_page()
            page.set_default_timeout(60_000)
            elsewhere = re.compile(r"^https?://(?!localhost|127\.0\.0\.1)|127\.0\.0\.1.*/favicon\.ico$")
            page.context.route(elsewhere, lambda route: route.fulfill(body=""))
            outside = watched(page, site.url.removesuffix(PATH))
            page.goto(f"{site.url}/settings?from=a+link")
            sign_in_at_provider(page, "boss")
            expect(page.get_by_role("heading", name="Settings", exact=True)).to_be_visible(timeout=40_000)
            assert page.url.startswith(f"{site.url}/settings")
            paths = {str(each.get("path")) for each in page.context.cookies() if each.get("domain") == "localhost"}
            assert paths <= {PATH, f"{PATH}/oauth2callback"}
            assert outside == []


@pytest.mark.parametrize(
    ("url", "path", "origin"),
    [
        ("https://example.org", "", "https://example.org"),
        ("https://example.org/", "", "https://example.org"),
        ("https://example.org:8443/tools/costs/", "/tools/costs", "https://example.org:8443"),
    ],
)
def test_i5_the_path_is_that_of_the_public_address(url: str, path: str, origin: str) -> None:
    chosen = Settings(_env_file=None, public_url=url)
    assert (chosen.sub_path, origin_of(url.rstrip("/"))) == (path, origin)


@pytest.mark.parametrize("end", ["/../x", "//x", "/a?b=c", "/a#b", "/a b", "/%2e", "/a;b"])
def test_i5_what_is_no_path_is_refused(end: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        Settings(_env_file=None, public_url=f"https://example.org{end}")
