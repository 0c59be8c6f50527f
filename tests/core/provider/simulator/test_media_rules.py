"""Images and documents that the API would refuse are refused, and the others are counted."""

from typing import Any

import pytest

from core.provider.media import image_block, pdf_block, text_block
from core.provider.simulator.messages_api import Simulator
from tests.core.provider.simulator.requests import body, error, events, text, wire
from tests.sample_files import image, pdf

QUESTION = {"type": "text", "text": "[[say: A picture.]]"}


def asked(*blocks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return body(messages=[{"role": "user", "content": [*blocks]}], **fields)


def changed(block: dict[str, Any], **source: Any) -> dict[str, Any]:
    return {**block, "source": {**block["source"], **source}}


PICTURE = image_block("image/png", image(width=280, height=280))
DOCUMENT, WORDS = pdf_block("a.pdf", pdf(2)), text_block("a.csv", "a,b")


def test_images_and_documents_are_taken_and_counted() -> None:
    def prompt(*blocks: dict[str, Any]) -> int:
        usage = events(Simulator(pace=0).answer(wire(asked(*blocks))))[0]["message"]["usage"]
        return int(usage["input_tokens"])

    plain = prompt(QUESTION)
    assert prompt(PICTURE, QUESTION) - plain == 100
    assert prompt(pdf_block("", pdf(2)), QUESTION) - plain == 4_600
    assert 0 < prompt(WORDS, QUESTION) - plain < 20


def test_a_message_without_words_is_answered() -> None:
    earlier = [{"role": "user", "content": "[[say: Hi.]]"}, {"role": "assistant", "content": "Hi."}]
    request = body(messages=[*earlier, {"role": "user", "content": [PICTURE]}])
    assert text(events(Simulator(pace=0).answer(wire(request)))) not in ("", "Hi.")


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (changed(PICTURE, media_type="image/tiff"), "media_type"),
        (changed(PICTURE, media_type="image/gif"), "does not match the provided media type"),
        (changed(PICTURE, type="url"), "media_type"),
        (changed(PICTURE, data="%%%"), "invalid base64"),
        (changed(PICTURE, data="aGVsbG8="), "Could not process image"),
        (changed(PICTURE, data=None), "Could not process image"),
        ({"type": "image"}, "source: Field required"),
        (image_block("image/png", image(width=8_001, height=1)), "max allowed size"),
        (image_block("image/png", image() + bytes(7_600_000)), "maximum size"),
        (changed(DOCUMENT, media_type="text/csv"), "application/pdf"),
        (changed(DOCUMENT, data="aGVsbG8="), "not valid"),
        (pdf_block("a.pdf", pdf(password="x")), "password protected"),
        (changed(WORDS, media_type="text/csv"), "text/plain"),
        (changed(WORDS, data=" "), "non-empty"),
    ],
)
def test_what_the_api_refuses_is_refused(block: dict[str, Any], why: str) -> None:
    response = Simulator(pace=0).answer(wire(asked(block, QUESTION)))
    assert response.status == 400
    assert error(response)["type"] == "invalid_request_error"
    assert why in error(response)["message"]


def test_more_pages_or_images_than_a_request_may_hold_are_refused() -> None:
    small = {"model": "claude-haiku-4-5", "thinking": {"type": "disabled"}}
    for blocks in ([pdf_block("a.pdf", pdf(101))], [PICTURE] * 101):
        assert Simulator(pace=0).answer(wire(asked(*blocks, QUESTION, **small))).status == 400
        assert Simulator(pace=0).answer(wire(asked(*blocks, QUESTION))).status == 200
    wide = image_block("image/png", image(width=2_001, height=1))
    assert Simulator(pace=0).answer(wire(asked(wide, *[PICTURE] * 19, QUESTION))).status == 200
    assert Simulator(pace=0).answer(wire(asked(wide, *[PICTURE] * 20, QUESTION))).status == 400


def test_an_assistant_message_holds_no_documents() -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [WORDS]},
        {"role": "user", "content": "?"},
    ]
    assert Simulator(pace=0).answer(wire(body(messages=messages))).status == 400
