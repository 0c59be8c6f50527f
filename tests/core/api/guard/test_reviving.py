"""What makes a broken-off page open again stands in the page, whoever asks for it and however."""

from starlette.types import Message, Receive, Scope, Send

from core.api.guard.reviving import HASH, Reviving
from tests.core.api.guard.asking import Answer, ask

_PAGE = b'<body><div id="root"></div></body>'
_BROWSER = {"accept": "text/html"}


class _App:
    """Answers in pieces, as a file is sent, and keeps what it was asked with."""

    def __init__(self, body: bytes, kind: bytes = b"text/html; charset=utf-8") -> None:
        length = str(len(body)).encode()
        self.headers = [(b"content-type", kind), (b"content-length", length), (b"etag", b'"1"'), (b"x-own", b"kept")]
        self.body = body
        self.asked: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked = scope
        pieces: list[Message] = [
            {"type": "http.response.body", "body": self.body[:9], "more_body": True},
            {"type": "http.response.body", "body": self.body[9:]},
        ]
        for message in ({"type": "http.response.start", "status": 200, "headers": self.headers}, *pieces):
            await send(message)


def test_e7_the_script_follows_the_element_that_it_watches_and_nothing_else_changes() -> None:
    answer = ask(Reviving(_App(_PAGE)), headers=_BROWSER)
    before, script = answer.body.split(b"<script>")
    assert before + script.partition(b"</script>")[2] == _PAGE
    assert before.endswith(b'<div id="root"></div>')
    assert b"MutationObserver" in script
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["x-own"] == "kept"
    assert "etag" not in answer.headers, "it is not that page any more"
    assert len(HASH) == 44


def test_e7_a_page_that_the_browser_has_is_sent_anew_and_whole() -> None:
    """Else a page of before would stay, whose script is not the one that may run."""
    app = _App(_PAGE)
    had = {"if-none-match": '"1"', "if-modified-since": "today", "range": "bytes=0-1", "accept-encoding": "gzip"}
    ask(Reviving(app), headers=_BROWSER | had)
    assert not {name.decode() for name, _ in app.asked["headers"]} & set(had)


def test_e7_head_tells_the_length_of_what_get_would_bring() -> None:
    told = ask(Reviving(_App(_PAGE)), headers=_BROWSER, method="HEAD")
    assert told.body == b""
    assert told.headers == ask(Reviving(_App(_PAGE)), headers=_BROWSER).headers
    assert ask(Reviving(_App(b"words", b"text/plain")), headers=_BROWSER, method="HEAD").body == b""


def test_other_answers_stay_as_they_are() -> None:
    def is_untouched(answer: Answer, body: bytes) -> bool:
        return answer.body == body and answer.headers["etag"] == '"1"'

    assert is_untouched(ask(Reviving(_App(b"<p>no root</p>")), headers=_BROWSER), b"<p>no root</p>")
    assert is_untouched(ask(Reviving(_App(_PAGE, b"text/plain")), headers=_BROWSER), _PAGE)
    assert is_untouched(ask(Reviving(_App(_PAGE)), headers={"accept": "application/json"}), _PAGE)
