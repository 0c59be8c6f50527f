"""People of an identity provider come in, with the role of their group, and stay out when they do not belong here."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
from itsdangerous import URLSafeTimedSerializer
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import text

from core.access.access import Access, open_access
from core.access.roles import Person
from core.settings import Settings
from core.store.database import Store, open_store
from tests.browser.chatting import await_end, say
from tests.identity_provider import identity_provider
from tests.served import Served, served_at_once

ADA = {"sub": "ada", "name": "Ada", "email": "ada@example.org", "email_verified": True, "groups": ["ledger"]}
BOSS = {"sub": "boss", "name": "Boss", "email": "boss@example.org", "email_verified": True}
EVE = {"sub": "eve", "name": "Eve", "email": "eve@example.org", "email_verified": True}
SECRET = "secret-of-the-client"
Make = Callable[..., Page]

_FROM_ELSEWHERE = re.compile(r"^https?://(?!localhost|127\.0\.0\.1)|/favicon\.ico$")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("oidc") / "data"
    with (
        identity_provider(ADA, BOSS, EVE) as address,
        served_at_once(
            data,
            SIMULATOR_PACE="0",
            AUTH="oidc",
            OIDC_DISCOVERY_URL=f"{address}/.well-known/openid-configuration",
            OIDC_CLIENT_ID="command-center",
            OIDC_CLIENT_SECRET=SECRET,
            OIDC_GROUPS="ledger=finance",
            OIDC_ADMINS="boss@example.org",
        ) as server,
    ):
        yield server


@pytest.fixture
def open_page(new_page: Make) -> Make:
    """The provider's own pages want a style sheet from the internet, and an icon that they have not."""

    def make(path: str = "") -> Page:
        page = new_page(path)
        page.context.route(_FROM_ELSEWHERE, lambda route: route.fulfill(body=""))
        return page

    return make


@pytest.fixture
def store(server: Served) -> Iterator[Store]:
    store = open_store(f"sqlite:///{server.data_dir / 'app.db'}")
    yield store
    store.close()


def access_of(store: Store, server: Served) -> Access:
    return open_access(store, Settings(_env_file=None, data_dir=server.data_dir))


def person(store: Store, email: str) -> Person:
    with store.read() as connection:
        row = connection.execute(text("SELECT id, name, role FROM users WHERE email = :email"), {"email": email}).one()
    return Person(row.id, row.name, row.role)


def way_in(page: Page) -> Locator:
    """Of a page that was open when somebody's sign-in ended, or of the plain one that strangers are led to."""
    button = page.get_by_role("button", name="Sign in", exact=True)
    return button.or_(page.get_by_role("link", name="Sign in", exact=True))


def go_to_provider(page: Page) -> None:
    expect(way_in(page)).to_be_visible()
    if page.get_by_role("button", name="Sign in", exact=True).is_visible():
        way_in(page).click()
    page.get_by_role("link", name="Sign in", exact=True).click()
    expect(page.get_by_text("Authorize Client")).to_be_visible()


def sign_in(page: Page, who: str) -> None:
    go_to_provider(page)
    page.get_by_role("button", name=who, exact=True).click()


def expect_outside(page: Page) -> None:
    expect(way_in(page)).to_be_visible()
    expect(page.get_by_test_id("stChatInputTextArea")).to_have_count(0)


def test_groups_and_invitations_let_people_in_until_they_are_deactivated(
    open_page: Make, server: Served, store: Store
) -> None:
    page, access = open_page(), access_of(store, server)
    expect_outside(page)
    sign_in(page, "ada")
    say(page, "[[say: Hello Ada.]]")
    expect((await_end(page)).get_by_text("Hello Ada.")).to_be_visible()
    page.goto("/account")
    expect(page.get_by_text("finance")).to_be_visible()
    page.goto("/settings")
    expect(page.get_by_text("You may not manage the organisation's provider key")).to_be_visible()

    boss = open_page()
    sign_in(boss, "boss")
    expect(boss.get_by_test_id("stChatInputTextArea")).to_be_visible()
    stranger = open_page()
    sign_in(stranger, "eve")
    expect(stranger.get_by_text("Ask an admin to invite eve@example.org")).to_be_visible()
    access.people.invite(person(store, "boss@example.org"), "eve@example.org", "Eve", "operator")
    stranger.reload()
    expect(stranger.get_by_test_id("stChatInputTextArea")).to_be_visible()

    access.people.deactivate(person(store, "boss@example.org"), person(store, "ada@example.org").id)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Chat").click()
    expect_outside(page)
    sign_in(page, "ada")
    expect(page.get_by_text("Your account here was deactivated")).to_be_visible()
    page.get_by_role("button", name="Sign in as somebody else").click()
    page.get_by_role("button", name=re.compile("log ?out|end|confirm|yes", re.IGNORECASE)).first.click()
    expect_outside(page)
    log = server.log.read_text()
    assert [secret for secret in (SECRET, "code=", "id_token") if secret in log] == []


def test_t21_the_page_that_was_wanted_is_come_back_to_and_a_sign_out_ends_it_for_a_copied_cookie_too(
    open_page: Make,
) -> None:
    page = open_page("settings?from=a+link")
    sign_in(page, "boss")
    expect(page.get_by_role("heading", name="Settings", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/settings\?from=a(\+|%20)link$"))
    copy = open_page()
    copy.context.add_cookies([{**each} for each in page.context.cookies()])  # type: ignore[typeddict-item]
    copy.goto("/")
    expect(copy.get_by_test_id("stChatInputTextArea")).to_be_visible()
    page.get_by_role("button", name="Boss").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("end_session"))
    copy.reload()
    expect_outside(copy)


def test_t21_answers_nobody_asked_for_and_forged_cookies_let_nobody_in(open_page: Make, server: Served) -> None:
    page = open_page("oauth2callback?code=stolen&state=forged")
    expect_outside(page)
    go_to_provider(page)
    page.goto(re.sub(r"nonce=\w+", "nonce=anothers", page.url))
    page.get_by_role("button", name="boss", exact=True).click()
    expect_outside(page)
    assert [each["name"] for each in page.context.cookies() if "user" in str(each.get("name"))] == []
    claims = {**BOSS, "iss": "x", "iat": 1, "exp": 2**33, "origin": server.url, "is_logged_in": True}
    forged = URLSafeTimedSerializer("a wrong secret", salt="_streamlit_user").dumps(json.dumps(claims))
    page.context.add_cookies([{"name": "_streamlit_user", "value": forged, "url": server.url}])
    page.goto("/")
    expect_outside(page)
