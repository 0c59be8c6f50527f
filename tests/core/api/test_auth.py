"""Signing in over HTTP: for the right password, for a while, and without a word to anybody else."""

from datetime import timedelta

import time_machine

from core.access.sessions import IDLE
from core.clock import now
from tests.core.api.doors import PASSWORD, Doors, Open, bearer


def log_in(doors: Doors, email: str, password: str) -> tuple[int, dict[str, str]]:
    answer = doors.client.post("/api/auth/login", json={"email": email, "password": password})
    return answer.status_code, answer.json()


def test_a_password_gives_a_token_that_ends_when_it_is_logged_out(accounts: Doors) -> None:
    accounts.admin()
    status, given = log_in(accounts, "Root@Example.org", PASSWORD)
    assert (status, given["tokenType"]) == (200, "Bearer")
    mine = bearer(given["accessToken"])
    me = accounts.get("/api/auth/me", mine).json()
    assert (me["name"], me["role"], me["tokenId"]) == ("Root", "admin", None)
    assert accounts.client.post("/api/auth/logout", headers=mine).status_code == 204
    assert accounts.get("/api/auth/me", mine).json()["code"] == "not_signed_in"


def test_a_token_that_nobody_uses_ends_by_itself(accounts: Doors) -> None:
    accounts.admin()
    _, given = log_in(accounts, "root@example.org", PASSWORD)
    with time_machine.travel(now() + IDLE + timedelta(minutes=10)):
        assert accounts.get("/api/auth/me", bearer(given["accessToken"])).status_code == 401


def test_whatever_is_wrong_the_answer_is_the_same_and_too_much_of_it_has_to_wait(accounts: Doors) -> None:
    accounts.admin()
    wrong = [("root@example.org", "another one"), ("nobody@example.org", PASSWORD), ("'; --", ""), ("", "x" * 1_000)]
    answers = [log_in(accounts, *each) for each in wrong]
    assert {status for status, _ in answers} == {401}
    assert len({str(body) for _, body in answers}) == 1
    for _ in range(4):
        log_in(accounts, "root@example.org", "another one")
    answer = accounts.client.post("/api/auth/login", json={"email": "root@example.org", "password": PASSWORD})
    assert (answer.status_code, int(answer.headers["retry-after"]) >= 1) == (429, True)


def test_a_session_that_is_ended_elsewhere_is_over_here(accounts: Doors) -> None:
    admin = accounts.admin()
    member = accounts.join(admin.session.person, "Ada")
    mine = bearer(member.cookie)
    assert accounts.get("/api/agents", mine).status_code == 200
    accounts.services.access.people.deactivate(admin.session.person, member.session.person.id)
    assert accounts.get("/api/agents", mine).status_code == 401


def test_a_cookie_signs_nobody_in(accounts: Doors) -> None:
    admin = accounts.admin()
    for name in ("session", "cc_session", "__Host-session"):
        answer = accounts.client.get("/api/auth/me", headers={"Cookie": f"{name}={admin.cookie}"})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_only_a_whole_bearer_token_is_one(accounts: Doors) -> None:
    admin = accounts.admin()
    for header in ("", "Bearer", "Bearer ", "Basic {}", "{}", "Bearer {} x", "bearer ccs_{}"):
        answer = accounts.get("/api/auth/me", {"Authorization": header.format(admin.cookie)})
        assert answer.status_code == 401, header


def test_an_api_token_has_no_session_to_end(accounts: Doors) -> None:
    admin = accounts.admin().session.person
    token = accounts.token(admin, "operator")
    answer = accounts.client.post("/api/auth/logout", headers=token)
    assert answer.status_code == 400
    me = accounts.get("/api/auth/me", token).json()
    assert (me["role"], me["agents"]) == ("operator", None)


def test_where_nobody_signs_in_a_password_is_not_asked_for(open_api: Open) -> None:
    doors = open_api()
    assert log_in(doors, "root@example.org", PASSWORD)[0] == 403
    assert doors.get("/api/auth/me").json()["role"] == "admin"
    assert doors.get("/api/auth/me", bearer("cct_" + "x" * 43)).status_code == 401
