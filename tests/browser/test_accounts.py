"""People with accounts, from the address on the console to the last sign-out, each in a browser of their own."""

import re
from collections.abc import Callable, Iterator

import httpx2
import pytest
from playwright.sync_api import Page, expect

from core.api.cookies import SESSION_COOKIE
from tests.browser.chatting import await_growth, button, messages, say
from tests.served import Served, served_at_once

PASSWORD = "four quiet grey herons"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("accounts") / "data"
    with served_at_once(data, AUTH="accounts", SIMULATOR_PACE="1") as server:
        yield server


def way_in(page: Page) -> None:
    """It is there, and no way to anywhere else."""
    expect(page.get_by_role("heading", name="Sign in to go on")).to_be_visible()
    expect(page.get_by_test_id("stSidebarNav")).to_have_count(0)
    expect(page.get_by_test_id("stChatInput")).to_have_count(0)


def choose_password(page: Page) -> None:
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button").click()


def set_up(page: Page, server: Served) -> None:
    """As the first admin, with the address on the console."""
    [address] = re.findall(r"Set up the first admin at (\S+)", server.log.read_text())
    page.goto(address)
    page.get_by_label("Your name").fill("Root")
    page.get_by_label("E-mail address").fill("root@example.org")
    choose_password(page)
    expect(button(page, "Root")).to_be_visible()


def invite(page: Page, name: str) -> str:
    """The address that lets somebody join."""
    page.goto("/people")
    button(page, "Invite somebody").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("E-mail address").fill(f"{name.lower()}@example.org")
    button(page, "Make the invitation").click()
    address = page.get_by_test_id("stDialog").get_by_test_id("stCode").inner_text()
    page.keyboard.press("Escape")
    return address


def put_out(root: Page) -> None:
    """The first of the people listed."""
    button(root, "Open").first.click()
    button(root, "Deactivate").click()
    root.get_by_test_id("stPopoverBody").get_by_role("button", name="Deactivate").click()
    expect(root.get_by_text("Deactivated", exact=True)).to_be_visible()


def sign_in(page: Page) -> None:
    page.get_by_label("E-mail address").fill("root@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_t10_t21_people_come_in_by_invitation_and_are_out_when_they_are_put_out(
    new_page: Callable[..., Page], server: Served
) -> None:
    root, ada = new_page("traces?status=failed"), new_page("sign-in")
    expect(root.get_by_text("Nobody has set this up yet")).to_be_visible()
    assert root.url.endswith("/sign-in?next=/traces%3Fstatus%3Dfailed")
    set_up(root, server)
    ada.goto(invite(root, "Ada"))
    choose_password(ada)
    say(ada, "Tell me everything [[tokens: 3000]]")
    expect(messages(ada)).to_have_count(2)
    await_growth(ada)
    put_out(root)
    expect(ada.get_by_role("heading", name="Sign in to go on")).to_be_visible(timeout=5_000)
    way_in(ada)
    expect(messages(ada)).to_have_count(0)
    ada.reload()
    ada.wait_for_url(re.compile(r"/sign-in\?next="))

    [cookie] = [each for each in root.context.cookies() if each["name"] == SESSION_COOKIE]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert SESSION_COOKIE not in root.evaluate("document.cookie")
    button(root, "Root").click()
    button(root, "Sign out").click()
    root.wait_for_url("**/sign-in")
    ada.context.add_cookies([cookie])  # type: ignore[list-item]
    ada.goto("/traces?status=failed")
    ada.wait_for_url(re.compile(r"/sign-in\?next="))
    sign_in(ada)
    expect(ada.get_by_role("heading", name="Traces")).to_be_visible()
    assert ada.url.endswith("/traces?status=failed")
    assert len(ada.context.pages) == 1


def test_t15_no_visitor_chooses_the_address_that_attempts_are_counted_by(server: Served) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    tried = {"email": "root@example.org", "password": "not this one"}
    assert httpx2.post(f"{server.url}/sign-in", data=tried, headers=forged).status_code == 401
    log = server.log.read_text()
    assert "sign_in_refused" in log
    assert "203.0.113" not in log
    assert "not this one" not in log
