"""What a person typed, drawn as typed: lines as they are, addresses to click, nothing interpreted."""

import re
from collections.abc import Iterator

import streamlit as st

from pages.parts.markdown import as_text

_ADDRESS = re.compile(r"https?://[^\s<>\"`]*[^\s<>\"`.,;:!?'*_]", re.IGNORECASE)
_UNSEEN = "\N{WORD JOINER}"
_KEPT = "\N{NO-BREAK SPACE}"
_IN_TARGET = {"\\": "%5C", "&": "&amp;"}
_OPENED_BY = {")": "(", "]": "["}


def draw_verbatim(text: str) -> None:
    """Draw where the script draws now; Streamlit cuts space off at the beginning, unless something stands before it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        return
    before = _UNSEEN if text[0].isspace() else ""
    if _ADDRESS.search(text):
        st.markdown(before + "\\\n".join(map(_with_links, text.rstrip().split("\n"))))
    else:
        st.text(before + text, width="stretch")


def _with_links(line: str) -> str:
    """Return one line as Markdown."""
    begin = len(line) - len(line.lstrip(" "))
    parts, place = [_KEPT * begin], begin
    for start, end in _addresses(line):
        address = line[start:end]
        target = re.sub(r"[\\&]", lambda found: _IN_TARGET[found.group()], address)
        parts += _words(line[place:start]), f"[{as_text(address)}](<{target}>)"
        place = end
    return "".join([*parts, _words(line[place:])])


def _addresses(line: str) -> Iterator[tuple[int, int]]:
    """Find addresses, without a bracket at the end that was opened before the address."""
    for found in _ADDRESS.finditer(line):
        end = found.end()
        while _is_surplus(line[found.start() : end]):
            end -= 1
        yield found.start(), end


def _is_surplus(address: str) -> bool:
    """Return whether its last bracket was opened before it."""
    last = address[-1]
    return last in _OPENED_BY and address.count(last) > address.count(_OPENED_BY[last])


def _words(text: str) -> str:
    """All of its space is kept, which Markdown would draw as one."""
    pieces = [each for each in re.split(r"(\s+)", text) if each]
    return "".join(_space(each) if each.isspace() else as_text(each) for each in pieces)


def _space(text: str) -> str:
    return text if text == " " else text.expandtabs(4).replace(" ", _KEPT)
