"""Nothing an answer contains makes the browser load anything, and nothing the app needs comes from elsewhere."""

import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tests.browser.chatting import (
    await_answer,
    await_end,
    await_growth,
    button,
    by_sidebar,
    choose_agent,
    messages,
    say,
)
from tests.browser.test_traces import tick_first_row
from tests.served import Served


@dataclass
class Canary:
    """A server that nobody should call: not because of the policy for browsers, which is but a second lock."""

    url: str
    calls: list[str] = field(default_factory=list)


@pytest.fixture
def canary() -> Iterator[Canary]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bird.calls.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        bird = Canary(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield bird
        server.shutdown()


def test_t1_images_in_an_answer_are_never_loaded(new_page: Callable[..., Page], canary: Canary) -> None:
    page = new_page(bypass_csp=True)
    asked = set[str]()
    page.on("request", lambda request: asked.add(str(urlsplit(request.url).port)))
    images = (
        f"Look: ![x]({canary.url}/a.png) here.\n\n- in a list ![y][one]\n- and ![two]\n\n"
        f"| table |\n|---|\n| ![z](<{canary.url}/b.png> 'title') |\n\n"
        f"`code` \\![q]({canary.url}/c.png) [![link]({canary.url}/d.png)]({canary.url}/e)\n\n"
        f'<img src="{canary.url}/f.png"> :material/![m]({canary.url}/g.png):\n\n'
        f"[one]: {canary.url}/h.png\n[two]: {canary.url}/i.png\n\nThe end."
    )
    say(page, f"[[say: {images}]] [[rate: 60]]")
    await_answer(page)
    await_growth(page)
    assert canary.calls == []
    answer = await_end(page)
    expect(answer.get_by_text("The end.")).to_be_visible()
    page.reload()
    expect(messages(page)).to_have_count(2)
    await_end(page)
    assert page.locator("[data-testid=stChatMessage] img:not([role])").count() == 0
    assert canary.calls == []
    assert asked
    assert str(urlsplit(canary.url).port) not in asked
    with urllib.request.urlopen(f"{canary.url}/it-does-listen") as response:
        assert response.status == 204
    assert canary.calls == ["/it-does-listen"]


def test_prices_are_read_as_prices_and_formulas_as_formulas(page: Page) -> None:
    say(page, "[[say: It costs $5 here, \\$6 there and $7 elsewhere. `$8 and $9`. But $x^2$ is a formula.]]")
    answer = await_end(page)
    expect(answer.get_by_text("It costs $5 here, $6 there and $7 elsewhere.")).to_be_visible()
    expect(answer.locator("code", has_text="$8 and $9")).to_be_visible()
    expect(answer.locator(".katex-html")).to_have_count(1)


def test_the_app_asks_nobody_but_its_own_server(page: Page) -> None:
    hosts = set[str | None]()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.reload()
    say(page, "[[think: 5]] [[say: # Hello\n\n:material/home: :smile: `x`\n\n```python\nx = 1\n```]]")
    await_end(page)
    for name in ("Agents", "Traces", "Chat"):
        by_sidebar(page, name)
    assert hosts == {"localhost"}


def test_t1_nothing_that_a_tool_is_given_or_gives_is_loaded(page: Page, canary: Canary) -> None:
    choose_agent(page, "People")
    image = f"![x]({canary.url}/a.png) <img src={canary.url}/b.png>"
    say(page, f'[[call: people__get_employees {{"department": "{image}"}}]] [[rate: 40]] Look')
    answer = await_end(page)
    line = answer.get_by_test_id("stExpander")
    expect(line).to_contain_text("There is no department called ![x]")
    line.locator("summary").click()
    expect(line.get_by_test_id("stCode").last).to_contain_text(image)
    assert line.locator("img").count() == 0
    assert canary.calls == []


def test_t2_markup_stays_text_wherever_it_is_shown(new_page: Callable[..., Page], canary: Canary) -> None:
    page = new_page(bypass_csp=True)
    say(page, _markup(canary.url))
    await_end(page)
    _assert_harmless(page, canary)
    page.reload()
    await_end(page)
    _assert_harmless(page, canary)
    say(page, f"[[fault: invalid_request]] {_markup(canary.url)}")
    expect(page.get_by_text("did not accept the request")).to_be_visible()
    _assert_harmless(page, canary)
    page.goto("/traces")
    tick_first_row(page)
    page.wait_for_url(re.compile("trace="))
    expect(page.get_by_role("button", name="All traces")).to_be_visible()
    expect(page.get_by_text("owned=1").first).to_be_visible()
    _assert_harmless(page, canary)


def _markup(url: str) -> str:
    """Orders the simulator to say it as well."""
    markup = (
        f"![x]({url}/1) <img src={url}/2 onerror='window.owned=1'> <script>window.owned=1</script> "
        f"<svg onload='window.owned=1'><image href='{url}/3'/></svg> <meta http-equiv=refresh content='0;{url}/4'> "
        f"<iframe src={url}/5></iframe> <style>@import '{url}/6';</style> <video src={url}/7 autoplay></video> "
        f"$\\href{{javascript:window.owned=1}}{{x}} \\includegraphics{{{url}/8}}$ "
        "[click](javascript:window.owned=1) [data](data:text/html,<script>window.owned=1</script>)"
    )
    return f"[[say: {markup}]] {markup}"


def _assert_harmless(page: Page, canary: Canary) -> None:
    planted = "img[src^='http:'], image, iframe, video, script:not([src]), meta[http-equiv], a[href^='javascript:']"
    found = page.locator("[data-testid=stAppViewContainer]").locator(planted)
    assert found.evaluate_all("all => all.map(one => one.outerHTML)") == []
    assert page.evaluate("window.owned") is None
    assert urlsplit(page.url).hostname == "localhost"
    assert canary.calls == []


def test_t2_the_policy_alone_keeps_planted_markup_from_loading(
    chromium: Browser, server: Served, canary: Canary
) -> None:
    with chromium.new_context(base_url=server.url) as context:
        page = context.new_page()
        page.goto("/")
        page.evaluate("addEventListener('securitypolicyviolation', event => window.stopped = event.blockedURI)")
        page.evaluate(f"document.body.append(Object.assign(new Image(), {{src: '{canary.url}/planted'}}))")
        page.wait_for_function("window.stopped")
        assert page.evaluate("window.stopped").startswith(canary.url)
    assert canary.calls == []


def test_t20_a_stranger_that_empties_caches_stops_no_stream(page: Page, server: Served) -> None:
    say(page, "[[tokens: 2000]] [[rate: 40]]")
    await_answer(page)
    await_growth(page)
    address = f"ws{server.url.removeprefix('http')}/_stcore/stream"
    with connect(address, origin=Origin(server.url), subprotocols=[Subprotocol("streamlit")]) as session:
        for _ in range(1_000):
            session.send(BackMsg(clear_cache=True).SerializeToString())
        await_growth(page, 2)
    button(page, "Stop").click()
    await_end(page)
