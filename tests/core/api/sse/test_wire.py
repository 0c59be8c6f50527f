"""Events as bytes: as FastAPI's own writer has them."""

import json
from typing import Any

from fastapi.sse import format_sse_event
from hypothesis import given
from hypothesis import strategies as st

from core.api.sse.wire import WireEvent

_NAMES = st.none() | st.sampled_from(["chunk", "done", "tool_detected"])
_PLACES = st.none() | st.sampled_from(["0:1", "saved"])
_DATA = st.dictionaries(
    st.text(max_size=5), st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)


@given(_DATA, _NAMES, _PLACES)
def test_an_event_is_written_as_fastapi_writes_it(data: dict[str, Any], name: str | None, place: str | None) -> None:
    text = json.dumps(data, separators=(",", ":"))
    assert WireEvent(data, name, place).encode() == format_sse_event(data_str=text, event=name, id=place)


def test_numbers_that_json_has_no_word_for_are_told_as_unknown() -> None:
    assert WireEvent({"a": float("nan"), "b": [float("inf")]}).encode() == b'data: {"a":null,"b":[null]}\n\n'
