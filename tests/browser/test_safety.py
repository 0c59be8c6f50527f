"""Nothing an answer contains makes the browser load anything, and nothing the app needs comes from elsewhere."""

import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatting import await_answer, await_end, await_growth, choose_agent, messages, say


@dataclass
class Canary:
    """A server that nobody should call."""

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


def test_images_in_an_answer_are_never_loaded(page: Page, canary: Canary) -> None:
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
        page.get_by_role("link", name=name).click()
        expect(page).to_have_title(name)
    assert hosts == {"localhost"}


def test_nothing_that_a_tool_is_given_or_gives_is_loaded(page: Page, canary: Canary) -> None:
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
