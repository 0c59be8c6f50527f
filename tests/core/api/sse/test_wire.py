"""Events as bytes: as FastAPI's own writer has them."""

import json
from typing import Any

from fastapi.sse import format_sse_event
from hypothesis import given
from hypothesis import strategies as st

from core.api.sse.wire import WireEvent

_NAMES = st.none() | st.sampled_from(["chunk", "done", "tool_detected"])
_PLACES = st.none() | st.sampled_from(["0:1", "saved"])
_NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_DATA = st.dictionaries(st.text(max_size=5), st.text() | _NUMBERS | st.lists(st.text(max_size=5), max_size=2))
_HALVES = st.characters(min_codepoint=0xD7FF, max_codepoint=0xE000)


def _told(encoded: bytes) -> str:
    [line] = [line for line in encoded.decode("ascii").split("\n") if line.startswith("data: ")]
    return line.removeprefix("data: ")


@given(_DATA, _NAMES, _PLACES)
def test_an_event_is_written_as_fastapi_writes_it(data: dict[str, Any], name: str | None, place: str | None) -> None:
    """But for floats, which are the same number in one of two spellings, such as 1e-07 and 1e-7."""
    encoded = WireEvent(data, name).encode(place)
    told = _told(encoded)
    assert encoded == format_sse_event(data_str=told, event=name, id=place)
    assert json.loads(told) == data
    if not any(isinstance(value, float) for value in data.values()):
        assert told == json.dumps(data, separators=(",", ":"))


@given(st.text(_HALVES | st.characters(codec="utf-8")))
def test_any_text_is_told_in_ascii_also_half_a_character(text: str) -> None:
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    assert json.loads(_told(WireEvent({"text": text}).encode())) == {"text": whole}


def test_numbers_that_json_has_no_word_for_are_told_as_unknown() -> None:
    assert WireEvent({"a": float("nan"), "b": [float("inf")]}).encode() == b'data: {"a":null,"b":[null]}\n\n'
    assert _told(WireEvent({"a": float("nan"), "b": "ä", "c": 2**70}).encode()) == (
        f'{{"a":null,"b":"\\u00e4","c":{2**70}}}'
    )
