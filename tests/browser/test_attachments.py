"""Files in a browser: attached, seen again after a reload, and downloaded as they were."""

from pathlib import Path

from playwright.sync_api import FilePayload, Page, expect

from tests.browser.chatting import await_end, conversation_of, messages, say
from tests.browser.conftest import Books
from tests.sample_files import CSV, image


def test_an_image_and_a_table_are_attached_seen_again_and_downloaded(page: Page, books: Books) -> None:
    files: list[FilePayload] = [
        {"name": "a photo.png", "mimeType": "image/png", "buffer": image(width=600, height=400)},
        {"name": "increments.csv", "mimeType": "text/csv", "buffer": CSV},
    ]
    box = page.get_by_test_id("stChatInput")
    box.locator("input[type=file]").set_input_files(files)
    expect(box.get_by_text("increments.csv")).to_be_visible()
    expect(page.get_by_test_id("stChatInputSubmitButton")).to_be_enabled()
    say(page, "[[say: I see them.]]")
    await_end(page)
    page.reload()
    asked = messages(page).first
    drawn = asked.locator("img")
    expect(drawn).to_be_visible()
    assert drawn.evaluate("image => image.naturalWidth") > 0
    assert "/media/" in str(drawn.get_attribute("src"))
    with page.expect_download() as download:
        asked.get_by_role("button", name="increments.csv").click()
    assert download.value.suggested_filename == "increments.csv"
    assert Path(download.value.path()).read_bytes() == CSV
    answer = books.answer(conversation_of(page))
    assert answer.turn is not None
    assert answer.turn.usage.prompt > 22 * 15
