"""What people and models write is drawn as they wrote it, in the installed version of Streamlit's own frontend."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatting import conversation_of, messages, say

HOSTILE = (
    ":material/home: :smile: :+1: :100: :red[x] :red-badge[x] :help[x] :streamlit: x:list[str] std::vector "
    "a -> b <- c <-> d -- e >= f <= g ~= h"
)
TYPED = f"""# No heading, and no *stars*
    four spaces, then  two
- no list
::box

{HOSTILE}
1. no number"""


def typed_lines(page: Page, text: str) -> None:
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(text)
    box.press("Enter")


@pytest.mark.parametrize("width", [1280, 390])
def test_e5_a_message_is_drawn_as_it_was_typed(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    typed_lines(page, TYPED)
    expect(messages(page)).to_have_count(2)
    assert messages(page).first.get_by_test_id("stText").inner_text() == TYPED


def test_e5_addresses_in_a_message_can_be_clicked_and_the_rest_is_as_typed(page: Page) -> None:
    typed_lines(page, f"See https://example.com/a_b?x=1&y=:smile: (or https://example.org/(c)).\n\n{HOSTILE}")
    expect(messages(page)).to_have_count(2)
    said = messages(page).first.get_by_test_id("stMarkdown")
    assert said.inner_text() == (
        f"See https://example.com/a_b?x=1&y=:smile: (or https://example.org/(c)).\n\n{HOSTILE}"
    )
    links = [link.get_attribute("href") for link in said.get_by_role("link").all()]
    assert links == ["https://example.com/a_b?x=1&y=:smile:", "https://example.org/(c)"] or links[0] == (
        "https://example.com/a_b?x=1&y=:smile"
    )
    assert said.locator("img, [role=img]").count() == 0


def test_e5_an_answer_keeps_markdown_and_gives_streamlit_no_orders(page: Page) -> None:
    said = ":material/home: :smile: :100: a -> b -- c >= d std::vector"
    say(page, f"[[say: **Bold** {said}]] Hello")
    expect(messages(page)).to_have_count(2)
    answer = messages(page).last.get_by_test_id("stMarkdown").first
    expect(answer).to_contain_text(f"Bold {said}")
    assert answer.locator("strong").inner_text() == "Bold"
    assert answer.locator("img, [role=img]").count() == 0


def test_e5_a_title_is_drawn_as_it_was_typed(page: Page) -> None:
    say(page, "[[say: x]] :material/home: a -> b :red[c]")
    expect(messages(page)).to_have_count(2)
    entry = page.locator(f".st-key-open-{conversation_of(page)}")
    expect(entry).to_contain_text("[[say: x]] :material/home: a -> b :red[c]")
