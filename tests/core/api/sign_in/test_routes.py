"""Signing in, joining, signing out, as a browser without scripts does it."""

import re
from collections.abc import Callable

import pytest
import time_machine
from httpx2 import Response

from core.access.sessions import LONGEST
from core.api.cookies import SESSION_COOKIE
from core.clock import now
from core.errors import NotSignedIn
from tests.core.access.conftest import HOME, PASSWORD
from tests.core.api.sign_in.conftest import ADDRESS, Doors

ROOT = {"email": "root@example.org", "password": PASSWORD}


def cookie_of(response: Response) -> str:
    found = re.match(rf"{SESSION_COOKIE}=(ccs_[\w-]+);", response.headers["set-cookie"])
    assert found
    return found[1]


def said(response: Response) -> str:
    """What is said to be wrong."""
    return " ".join(re.findall(r'role="alert">([^<]+)<', response.text))


def test_who_signs_in_goes_on_to_where_they_wanted_with_a_cookie_nobody_else_can_use(doors: Doors) -> None:
    browser = doors.browser()
    form = browser.get("/sign-in?next=/traces%3Fstatus%3Dfailed")
    assert 'name="next" value="/traces?status=failed"' in form.text
    entered = browser.post("/sign-in", data={**ROOT, "next": "/traces?status=failed"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/traces?status=failed")
    attributes = entered.headers["set-cookie"].lower().split("; ")[1:]
    lasts = int(next(each for each in attributes if each.startswith("max-age=")).removeprefix("max-age="))
    assert LONGEST.total_seconds() - 60 < lasts <= LONGEST.total_seconds()
    assert {*attributes} == {"httponly", "samesite=strict", "path=/", f"max-age={lasts}"}
    assert doors.access.sessions.check(cookie_of(entered)).person.name == "Root"
    again = browser.get("/sign-in?next=/costs")
    assert (again.status_code, again.headers["location"]) == (303, "/costs")


def test_behind_https_the_cookie_never_travels_without(open_doors: Callable[..., Doors], doors: Doors) -> None:
    public = open_doors(public_url="https://command.test")
    entered = public.browser().post("/sign-in", data=ROOT, headers={"Origin": "https://command.test"})
    assert "; Secure" in entered.headers["set-cookie"]


def test_what_is_wrong_is_said_and_what_was_typed_is_kept_but_for_the_password(doors: Doors) -> None:
    refused = doors.browser().post("/sign-in", data={"email": '"><i>@x', "password": "not this one", "next": "/costs"})
    assert refused.status_code == 401
    assert "Wrong e-mail address or password" in said(refused)
    assert 'value="&#34;&gt;&lt;i&gt;@x"' in refused.text
    assert 'name="next" value="/costs"' in refused.text
    assert "not this one" not in refused.text
    assert "set-cookie" not in refused.headers


@pytest.mark.each_database
def test_t15_guessing_is_slowed_down_and_says_nothing_of_who_is_here(doors: Doors) -> None:
    """The same words, headers and work whether there is such a person or not; then 429 for both."""

    def guess(email: str, address: str) -> list[tuple[int, str, dict[str, str], int]]:
        browser, answers = doors.browser(address), []
        for _ in range(7):
            before = doors.hasher.checks
            got = browser.post("/sign-in", data={"email": email, "password": "not this one"})
            headers, checks = dict(got.headers), doors.hasher.checks - before
            answers.append((got.status_code, got.text.replace(email, "?"), headers, checks))
        return answers

    with time_machine.travel(now(), tick=False):
        mine, nobodys = guess("root@example.org", "198.51.100.9"), guess("nope@example.org", "203.0.113.9")
    assert mine == nobodys
    assert [(status, checks) for status, _, _, checks in mine] == [(401, 1)] * 5 + [(429, 0)] * 2
    assert int(mine[-1][2]["retry-after"]) in range(1, 61)


def test_the_first_admin_is_set_up_with_the_link_of_the_console(open_doors: Callable[..., Doors]) -> None:
    doors = open_doors()
    browser, link = doors.browser(), doors.access.people.set_up_link()
    assert link is not None
    assert "Nobody has set this up yet" in browser.get("/sign-in").text
    assert browser.get(f"/join?link={link.secret}").status_code == 200
    typed = {"link": link.secret, "name": " ", "email": "admin@localhost", "password": "short", "again": "other"}
    wrong = browser.post("/join", data=typed)
    assert wrong.status_code == 400
    assert [bad in wrong.text for bad in ("about-name", "about-email", "about-password", "about-again")] == [True] * 4
    assert 'value="admin@localhost"' in wrong.text
    entered = browser.post("/join", data={**typed, **ROOT, "name": "Root", "again": PASSWORD})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert doors.access.sessions.check(cookie_of(entered)).person.role == "admin"
    assert "Nobody has set this up yet" not in doors.browser().get("/sign-in").text


def test_an_invitation_greets_and_lets_in_once(doors: Doors) -> None:
    admin = doors.access.sign_in.sign_in(**ROOT, visit=HOME).session.person
    link = doors.access.people.invite(admin, "ada@example.org", "Ada <b>", "operator").secret
    browser = doors.browser()
    for _ in range(2):
        greeting = browser.get("/join", params={"link": link}).text
        assert "Welcome, Ada &lt;b&gt;" in greeting
        assert 'value="ada@example.org"' in greeting
    chosen = {"link": link, "password": "five loud green geese", "again": "five loud green geese"}
    entered = browser.post("/join", data={**chosen, "email": "root@example.org", "name": "Root"})
    assert doors.access.sessions.check(cookie_of(entered)).person.name == "Ada <b>"
    for late in (browser.get("/join", params={"link": link}), browser.post("/join", data=chosen)):
        assert late.status_code == 403
        assert "has been used" in said(late)


def test_signing_in_as_somebody_else_and_signing_out_end_the_session_before(doors: Doors) -> None:
    browser = doors.browser()
    first, second = (cookie_of(browser.post("/sign-in", data=ROOT)) for _ in range(2))
    with pytest.raises(NotSignedIn):
        doors.access.sessions.check(first)
    assert "You are signed in as Root" in browser.get("/sign-out").text
    left = browser.post("/sign-out")
    assert (left.status_code, left.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in left.headers["set-cookie"]
    with pytest.raises(NotSignedIn):
        doors.access.sessions.check(second)
    assert browser.get("/sign-out").headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"{ADDRESS}.evil.example"},
        {"Origin": f"{ADDRESS}:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_t19_no_other_page_can_send_these_forms(doors: Doors, headers: dict[str, str]) -> None:
    browser = doors.browser()
    cookie = cookie_of(browser.post("/sign-in", data=ROOT, headers={"Origin": ADDRESS}))
    for path in ("/sign-in", "/join", "/sign-out"):
        refused = browser.post(path, data=ROOT, headers=headers)
        assert refused.status_code == 403, path
        assert "set-cookie" not in refused.headers
    assert doors.access.sessions.check(cookie)


@pytest.mark.parametrize(
    ("body", "problem"),
    [(b"x" * 20_000, "too much"), (b"\xff=1", "cannot be read"), (b"a&" * 50, "cannot be read")],
)
def test_what_is_no_form_is_refused_in_words(doors: Doors, body: bytes, problem: str) -> None:
    refused = doors.browser().post("/sign-in", content=body)
    assert refused.status_code == 400
    assert problem in said(refused)


@pytest.mark.parametrize("auth", ["none", "oidc"])
@pytest.mark.parametrize("path", ["/sign-in", "/join", "/sign-out"])
def test_without_accounts_there_is_nothing_to_do_here(open_doors: Callable[..., Doors], auth: str, path: str) -> None:
    doors = open_doors(auth=auth)
    for answer in (doors.browser().get(path), doors.browser().post(path, data=ROOT)):
        way = 'href="/"' if auth == "none" else 'href="/sign-in?go=1&amp;next=%2F"'
        assert (answer.status_code, "<form" in answer.text, way in answer.text) == (200, False, True)
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/sign-in", "/join?link=x", "/join"])
def test_t23_nothing_is_loaded_kept_or_framed(doors: Doors, path: str) -> None:
    answer = doors.browser().get(path)
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= {*policy}
    assert "script" not in answer.text
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "same-origin")


def test_g1_an_identity_provider_is_gone_to_by_a_click_and_from_a_page_of_our_own(
    open_doors: Callable[..., Doors],
) -> None:
    browser = open_doors(auth="oidc").browser()
    assert "go=1&amp;next=%2Fcosts%3Fa%3Db" in browser.get("/sign-in?next=/costs%3Fa%3Db").text
    gone = browser.get("/sign-in?go=1&next=/costs", follow_redirects=False)
    assert (gone.status_code, gone.headers["location"]) == (303, "/auth/login")
