"""A page becomes lines of text, in time that does not run away."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.agent.tools.page_text import page_text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("", ""),
        ("<!-- nothing -->", ""),
        ("plain", "plain"),
        ("<title>T &amp; t</title><h1>H</h1><p>one <b>two</b>three<br>four", "T & t\nH\none twothree\nfour"),
        ("<ul><li>a<li>b</ul>", "a\nb"),
        ("<table><tr><th>x</th><th>y</th></tr><tr><td>1</td><td>2</td></tr></table>", "x | y\n1 | 2"),
        ("a\n   b\t c", "a b c"),
        ("<style>p{}</style><script>'<p>no'</script><noscript>no</noscript><svg><text>no</text></svg>yes", "yes"),
        ("a</svg>b</script>c", "abc"),
        ("<made-up>a</made-up>b", "a\nb"),
    ],
)
def test_what_is_to_be_read_remains(page: str, text: str) -> None:
    assert page_text(page.encode(), "utf-8") == text


def test_the_servers_encoding_comes_before_the_pages_own() -> None:
    page = "<meta charset=iso-8859-1><p>é"
    assert page_text(page.encode(), "utf-8") == page_text(page.encode("latin-1"), None) == "é"
    assert page_text(page.encode("latin-1"), "no-such-encoding") == "é"


@pytest.mark.parametrize(
    "page",
    [
        *("<div>" * 200_000, "<b><p>" * 100_000, "<a" * 300_000, "<!--" * 200_000, "</a" * 300_000, "&a" * 300_000),
        "<x " + " ".join(f"a{number}=1" for number in range(100_000)) + ">",
    ],
)
def test_a_page_made_to_be_slow_is_not(page: str) -> None:
    began = time.thread_time()
    page_text(page.encode(), None)
    assert time.thread_time() - began < 5


@given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "utf-16", "shift_jis", "latin-1"]))
def test_any_bytes_become_some_text(page: bytes, encoding: str | None) -> None:
    assert "\n\n" not in page_text(page, encoding)
