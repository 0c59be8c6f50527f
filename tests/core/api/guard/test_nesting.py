"""How deep JSON goes."""

import json
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from core.api.guard.bodies import is_deeper_than

Json: TypeAlias = "str | list[Json] | dict[str, Json] | None"

_texts = st.text(alphabet='[]{}"\\\n aä', max_size=8)
_values = st.recursive(
    st.none() | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=20,
)


def _depth(value: Json) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


@settings(max_examples=200)
@given(_values, st.booleans())
def test_it_is_as_deep_as_it_is(value: Json, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    for levels in range(6):
        assert is_deeper_than(text, levels) is (_depth(value) > levels)


@settings(max_examples=200)
@given(st.binary(max_size=40))
def test_anything_can_be_asked_about(text: bytes) -> None:
    assert not is_deeper_than(text, 40)
