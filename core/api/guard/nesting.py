"""How deep a JSON text goes, told without reading it as JSON: a reader that recurses would pay for each level."""

import re
from array import array
from itertools import accumulate

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))


def is_deeper_than(text: bytes, levels: int) -> bool:
    """Whether the brackets of a UTF-8 text, those in its strings aside, are open more than ``levels`` deep anywhere."""
    if text.count(b"[") + text.count(b"{") <= levels:
        return False
    # As signed bytes, each bracket is its step down or up.
    steps = array("b", _STRING.sub(b"", text).translate(_STEPS, _NO_BRACKETS))
    return max(accumulate(steps), default=0) > levels
