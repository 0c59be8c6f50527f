"""From the provider's socket to the eye: our chat page against a bare st.write_stream page, in Chromium.

A relay between app and simulator notes when each piece of text passes; the page notes when each number of letters
becomes visible. The answer is prose of one shape, so letters can be matched to letters.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from core.place import PROJECT
from tests.bench.engine import free_port, simulator, wait_for_port
from tests.bench.report import Figure, percentile, show

SIZES = (300, 3_000, 10_000)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_LETTERS = re.compile(r"[A-Za-z]")
_WATCH = """() => {
  window.seen = [];
  const count = () => {
    let letters = 0;
    document.querySelectorAll('[data-testid="stChatMessage"]:last-of-type').forEach(message =>
      message.querySelectorAll('[data-testid="stMarkdownContainer"], [data-testid="stCode"]').forEach(
        block => { if (!block.closest('button') && !/so far|Waiting for|\\[\\[/.test(block.textContent))
          letters += (block.textContent.match(/[A-Za-z]/g) || []).length; }));
    const last = window.seen[window.seen.length - 1];
    if (!last || letters > last[1]) window.seen.push([Date.now(), letters]);
  };
  new MutationObserver(count).observe(document.body, {childList: true, subtree: true, characterData: true});
}"""


@dataclass(slots=True)
class Relay:
    """``sent``: when so many letters had passed on their way to the app."""

    url: str = ""
    sent: list[tuple[float, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Run:
    delays: list[float]
    bytes: int
    seconds: float


def main() -> None:
    with ExitStack() as stack:
        relay = stack.enter_context(relayed(stack.enter_context(simulator())))
        ours, bare = stack.enter_context(served_ours(relay)), stack.enter_context(served_bare(relay))
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=chromium(), args=FLAGS)
        for tokens in SIZES:
            compare(browser, relay, tokens, ours, bare)
        compare(browser, relay, 10_000, ours, None, shape="code")


def compare(browser: Browser, relay: Relay, tokens: int, ours: str, bare: str | None, shape: str = "plain") -> None:
    mine = measure(browser, relay, ours, tokens, shape)
    base = measure(browser, relay, bare, min(tokens, 3_000), shape) if bare else mine
    last = mine.delays[-len(mine.delays) // 10 :]
    show(
        f"Page, {tokens:,} tokens, {shape}"
        + ("" if tokens <= 3_000 else " (the bare page with 3,000: more breaks it)"),
        [
            Figure("sent to visible, p50", "ms", percentile(mine.delays, 0.5), percentile(base.delays, 0.5)),
            Figure("sent to visible, p99", "ms", percentile(mine.delays, 0.99), percentile(base.delays, 0.99)),
            Figure("the same in its last tenth, p50", "ms", percentile(last, 0.5), percentile(base.delays, 0.5)),
            Figure("websocket a token", "bytes", mine.bytes / tokens, base.bytes / min(tokens, 3_000)),
        ],
    )


def measure(browser: Browser, relay: Relay, url: str, tokens: int, shape: str) -> Run:
    """One answer of so many tokens, one each 10 ms."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    received = count_bytes(page)
    page.goto(url)
    box = page.locator('[data-testid="stChatInput"] textarea')
    box.wait_for(timeout=60_000)
    page.evaluate(_WATCH)
    relay.sent.clear()
    received.clear()
    began = time.monotonic()
    box.fill(f"[[{shape}]] [[tokens: {tokens}]] [[first: 0.5]] [[rate: 100]]")
    box.press("Enter")
    page.get_by_text(re.compile("end-of-answer|Retry")).last.wait_for(state="attached", timeout=tokens * 20 + 30_000)
    seconds, seen = time.monotonic() - began, page.evaluate("window.seen")
    page.context.close()
    return Run(delays(relay.sent, seen), sum(received), seconds)


def delays(sent: list[tuple[float, int]], seen: list[tuple[float, int]]) -> list[float]:
    """Milliseconds from each piece's passing to the first sight of at least as many letters."""
    found, place = list[float](), 0
    for moment, letters in sent:
        while place < len(seen) and seen[place][1] < letters:
            place += 1
        if place == len(seen):
            break
        found.append(max(0.0, seen[place][0] - moment * 1_000))
    return found


def count_bytes(page: Page) -> list[int]:
    received: list[int] = []

    def note(event: dict[str, dict[str, str]]) -> None:
        payload = event["response"]["payloadData"]
        received.append(len(base64.b64decode(payload)) if str(event["response"]["opcode"]) == "2" else len(payload))

    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.webSocketFrameReceived", note)
    return received


@contextmanager
def relayed(upstream: str) -> Iterator[Relay]:
    relay = Relay()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")
            }
            request = urllib.request.Request(upstream + self.path, body, headers)
            with urllib.request.urlopen(request) as answer:
                self.send_response(answer.status)
                self.send_header("content-type", answer.headers["content-type"])
                self.end_headers()
                letters = 0
                for line in answer:
                    letters += letters_in(line)
                    self.wfile.write(line)
                    if line == b"\n":
                        self.wfile.flush()
                        relay.sent.append((time.time(), letters))

        def log_message(self, *_: object) -> None:
            """Not a word: it would cost time."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    relay.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield relay
    finally:
        server.shutdown()
        server.server_close()


def letters_in(line: bytes) -> int:
    if b"text_delta" not in line:
        return 0
    event = json.loads(line.removeprefix(b"data:"))
    return len(_LETTERS.findall(event["delta"]["text"]))


@contextmanager
def served_ours(relay: Relay) -> Iterator[str]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        own = {"PORT": str(port), "DATA_DIR": folder, "ANTHROPIC_API_KEY": "bench", "ANTHROPIC_BASE_URL": relay.url}
        with process(["-m", "core.launch"], own, port):
            yield f"http://localhost:{port}"


@contextmanager
def served_bare(relay: Relay) -> Iterator[str]:
    port, script = free_port(), Path(__file__).with_name("bare_page.py")
    command = ["-m", "streamlit", "run", str(script), f"--server.port={port}", "--server.address=127.0.0.1"]
    with process(command, {"BENCH_URL": relay.url}, port):
        yield f"http://localhost:{port}"


@contextmanager
def process(arguments: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    running = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port)
        yield
    finally:
        running.terminate()
        running.wait(40)


def chromium() -> str | None:
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )


if __name__ == "__main__":
    main()
