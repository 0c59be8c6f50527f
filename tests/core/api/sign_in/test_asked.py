"""Where signing in leads to afterwards: to one of our own pages, whatever a link says."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from core.api.sign_in.asked import local

HOME = "https://command.test/sign-in"


@pytest.mark.parametrize("address", ["/", "/traces?status=failed&by=day", "/?conversation=0193-ab", "/a?x=%2F"])
def test_our_own_pages_are_gone_to(address: str) -> None:
    assert local(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "traces",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\\/evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        " /traces",
        "/tra\nces",
        "/" + "x" * 3_000,
    ],
)
def test_anything_else_leads_to_the_first_page(address: str) -> None:
    assert local(address) == "/"


@given(st.text(st.sampled_from("/\\:@.?#%x \t\n\0é") | st.characters(), max_size=12))
@examples(max_examples=200)
def test_it_never_leads_away(address: str) -> None:
    """As browsers read addresses: without tabs and line breaks, and a backslash is a slash."""
    read = "".join(letter for letter in local(address) if letter not in "\t\r\n").replace("\\", "/")
    assert urlsplit(urljoin(HOME, read)).netloc == "command.test"
