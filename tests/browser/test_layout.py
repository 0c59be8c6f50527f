"""Every page fits its window, light and dark, wide and narrow, full and empty."""

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatting import await_answer, await_end, await_growth, messages, say

WIDE = (
    "# A heading with a word thatIsFarLongerThanAnyLineOnAPhoneCouldEverBeAndStillHasToBeShownSomewhere\n\n"
    + "Many words in one paragraph. " * 30
    + "\n\n| "
    + " | ".join(f"a long column heading {number}" for number in range(9))
    + " |\n"
    + "|---" * 9
    + "|\n"
    + ("| some value " * 9 + "|\n") * 12
    + "\n```python\n"
    + "result = "
    + " + ".join(f"value_{number}" for number in range(40))
    + "\n```\n\n- https://example.com/"
    + "path/" * 40
    + "\n\n$"
    + " + ".join(f"x_{{{number}}}" for number in range(60))
    + "$\n\nThe end."
)
SIZES = {"wide": {"width": 1440, "height": 900}, "narrow": {"width": 390, "height": 844}}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

_OVERFLOWS = """() => [document.documentElement, document.body, ...document.querySelectorAll(
    '[data-testid="stMain"], [data-testid="stMainBlockContainer"], [data-testid="stBottomBlockContainer"]'
)].filter(each => each.scrollWidth > each.clientWidth + 1)
  .map(each => `${each.tagName} ${each.dataset.testid}: ${each.scrollWidth} > ${each.clientWidth}`)"""
_IS_SHADED = """scheme => {
    const app = document.querySelector('[data-testid="stApp"]');
    const [red, green, blue] = app ? getComputedStyle(app).backgroundColor.match(/\\d+/g).map(Number) : [NaN];
    return scheme === 'dark' ? red + green + blue < 3 * 128 : red + green + blue >= 3 * 128;
}"""


def assert_fits(page: Page) -> None:
    """In the scheme it was opened in, and in the other: a page follows its window."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    in_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    for scheme in SCHEMES[::-1] if in_dark else SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(_IS_SHADED, arg=scheme)
        assert page.evaluate(_OVERFLOWS) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("size", SIZES)
def test_pages_fit_their_window(new_page: Callable[..., Page], size: str) -> None:
    page = new_page(viewport=SIZES[size])
    expect(page.get_by_test_id("stChatInputTextArea")).to_be_visible()
    assert_fits(page)
    say(page, f"[[rate: 200]] [[first: 0]] [[say: {WIDE}]]")
    await_answer(page)
    await_growth(page, times=2)
    assert_fits(page)
    answer = await_end(page)
    expect(answer.get_by_text("The end.")).to_be_visible()
    assert_fits(page)
    for path, heading in (("agents", "Agents"), ("tools", "Tools"), ("traces", "Traces")):
        page.goto(f"/{path}")
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        expect(page.get_by_test_id("stDataFrame" if path == "traces" else "stHeading").last).to_be_visible()
        assert_fits(page)


def test_an_unknown_address_says_so_and_leads_on(new_page: Callable[..., Page]) -> None:
    page = new_page("?conversation=nowhere")
    expect(page.get_by_text("There is no such conversation")).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    say(page, "[[say: Here.]]")
    expect(messages(page)).to_have_count(2)
    expect((await_end(page)).get_by_text("Here.", exact=True)).to_be_visible()
