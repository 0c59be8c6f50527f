"""From what an identity provider tells to a person here: whom it makes, whom it may become, whom it never becomes."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.access.claims import told_by
from core.access.local import local_person
from core.access.oidc import FRESH, OidcSignIn, Rules
from core.access.sessions import IDLE, Session
from core.clock import now
from core.errors import AppError, NotAllowed, NotSignedIn
from tests.core.access.conftest import HOME, House, at_once

ISSUER = "https://id.example.org"
KEY = b"k" * 32
GROUPS = Rules({"ledger": "finance", "platform": "admin", "staff": "operator"}, frozenset({"boss@example.org"}))
NO_GROUPS = Rules({}, frozenset({"boss@example.org"}))


def claims(subject: str = "ada-1", email: str | None = "ada@example.org", **more: Any) -> dict[str, Any]:
    at = int(now().timestamp())
    told = {"iss": ISSUER, "sub": subject, "iat": at, "exp": at + 3_600, "nonce": f"{subject}-{at}"}
    return told | ({"email": email, "email_verified": True} if email else {}) | more


def door(house: House, rules: Rules = GROUPS, key: bytes = KEY) -> OidcSignIn:
    return OidcSignIn(house.store, rules, key)


def enter(house: House, rules: Rules = GROUPS, **more: Any) -> Session:
    return door(house, rules).session(claims(**more), HOME)


def test_somebody_new_comes_in_by_group_or_as_a_named_admin_and_nobody_else_does(house: House) -> None:
    ada = enter(house, groups=["ledger", "lunch"], name="Ada  Lovelace")
    assert (ada.person.name, ada.person.role) == ("Ada Lovelace", "finance")
    boss = enter(house, NO_GROUPS, subject="b", email="Boss@example.org")
    assert (boss.person.role, boss.person.name) == ("admin", "boss")
    for rules, more in ((GROUPS, {"groups": ["lunch"]}), (GROUPS, {}), (NO_GROUPS, {"groups": ["platform"]})):
        with pytest.raises(NotAllowed, match=r"Ask an admin to invite eve@example\.org"):
            enter(house, rules, subject="eve", email="eve@example.org", **more)
    assert [view.email for view in house.people.list(house.admin) if view.email.startswith("eve")] == []


def test_who_was_invited_comes_in_by_an_address_that_was_verified(house: House) -> None:
    house.people.invite(house.admin, "ada@example.org", "Ada", "finance")
    for unverified in (False, "false", None, 0, "yes"):
        with pytest.raises(NotAllowed, match="no verified e-mail address"):
            enter(house, NO_GROUPS, email_verified=unverified)
    ada = enter(house, NO_GROUPS)
    assert (ada.person.name, ada.person.role, house.state(ada.person)) == ("Ada", "finance", "active")
    again = enter(house, NO_GROUPS, email="moved@example.net", nonce="later")
    assert again.person == ada.person
    assert again.id != ada.id


def test_nobody_takes_over_whom_somebody_else_signs_in_as(house: House) -> None:
    house.people.invite(house.admin, "ada@example.org", "Ada", "finance")
    ada = enter(house)
    others: list[dict[str, Any]] = [{"subject": "ada-2"}, {"iss": "https://other.example"}]
    for other in others:
        with pytest.raises(NotAllowed, match="Somebody else signs in here as ada"):
            enter(house, **other)
    assert enter(house, nonce="n").person.id == ada.person.id


def test_nobody_becomes_whoever_works_here_without_sign_in(house: House) -> None:
    local = local_person(house.store)
    for groups in (["platform"], []):
        with pytest.raises(NotAllowed, match="no verified e-mail address"):
            enter(house, email="Admin@localhost", groups=groups)
    assert house.ask("SELECT oidc_subject FROM users WHERE id = :id", id=local.id) == [None]


def test_groups_decide_the_role_anew_each_time(house: House) -> None:
    told: list[object] = [["platform"], ["staff", "ledger"], "ledger", [], None, [7, {}]]
    roles = [enter(house, nonce=str(place), groups=groups).person.role for place, groups in enumerate(told)]
    assert roles == ["admin", "finance", "finance", "operator", "operator", "operator"]
    assert enter(house, NO_GROUPS, nonce="last").person.role == "operator"
    [entry] = [each for each in house.audit.list(house.admin) if each.detail.get("before") == "admin"]
    assert (entry.action, entry.detail["after"]) == ("got role", "finance")


def test_without_groups_the_role_is_the_databases(house: House) -> None:
    house.people.invite(house.admin, "ada@example.org", "Ada", "operator")
    ada = enter(house, NO_GROUPS).person
    house.people.set_role(house.admin, ada.id, "finance")
    assert door(house, NO_GROUPS).session(claims(), HOME).person.role == "finance"
    assert enter(house, NO_GROUPS, nonce="n").person.role == "finance"


def test_the_first_admin_inherits_what_was_done_without_sign_in(house: House) -> None:
    local = local_person(house.store)
    house.people.deactivate(house.admin, enter(house, subject="x", email="x@example.org", groups=["staff"]).person.id)
    house.run("UPDATE users SET deactivated_at = created_at WHERE id = :id", id=house.admin.id)
    boss = enter(house, subject="b", email="boss@example.org").person
    assert (boss.id, boss.role) == (local.id, "admin")
    assert enter(house, subject="c", email="c@example.org", groups=["platform"]).person.id != local.id


def test_the_same_browser_finds_the_same_session_again_in_every_tab(house: House) -> None:
    told = claims(groups=["staff"])
    found = at_once([lambda: door(house).session(told, HOME)] * 6)
    assert len({each.id for each in found if isinstance(each, Session)}) == 1
    assert len([each for each in found if isinstance(each, AppError)]) == 0
    [listed] = house.sessions.list(door(house).session(told, HOME).person)
    assert (listed.address, listed.user_agent) == ("192.0.2.0/24", "Firefox")


def test_a_deactivated_person_is_out_at_once_and_cannot_come_back(house: House) -> None:
    told = claims(groups=["platform"])
    ada = door(house).session(told, HOME).person
    house.people.deactivate(house.admin, ada.id)
    with pytest.raises(NotSignedIn):
        door(house).session(told, HOME)
    with pytest.raises(NotAllowed, match="deactivated"):
        enter(house, nonce="anew", groups=["platform"])


def test_t21_an_ended_session_stays_ended_whatever_the_browser_still_has(house: House) -> None:
    told, others = claims(groups=["staff"]), claims(groups=["staff"], nonce="another")
    session = door(house).session(told, HOME)
    other = door(house).session(others, HOME)
    house.sessions.sign_out(door(house).cookie(told))
    house.sessions.revoke(house.admin, other.id)
    for each in (told, others):
        with pytest.raises(NotSignedIn):
            door(house).session(each, HOME)
    house.run("DELETE FROM login_sessions WHERE id = :id", id=session.id)
    late = told | {"iat": told["iat"] - FRESH.seconds - 60}
    with pytest.raises(NotSignedIn, match="too old"):
        door(house).session(late, HOME)


def test_t21_idle_sessions_and_tokens_of_the_past_or_the_future_are_refused(house: House) -> None:
    told = claims(groups=["staff"])
    session = door(house).session(told, HOME)
    house.run("UPDATE login_sessions SET last_seen_at = :at WHERE id = :id", at=str(now() - IDLE), id=session.id)
    at = int(now().timestamp())
    odd: list[dict[str, Any]] = [
        {},
        {"exp": at - 1, "nonce": "n"},
        {"iat": at + 3_600, "nonce": "n"},
        {"iat": None, "nonce": "n"},
        {"iat": 10**20, "nonce": "n"},
    ]
    for more in odd:
        with pytest.raises(NotSignedIn):
            door(house).session(told | more, HOME)


def test_t21_what_was_told_is_no_secret_without_the_key(house: House) -> None:
    told = claims(groups=["staff"])
    first = door(house).session(told, HOME)
    assert door(house, key=b"x" * 32).session(told, HOME).id != first.id
    with pytest.raises(NotSignedIn):
        house.sessions.check("ccs_" + "A" * 43)


@pytest.mark.parametrize("missing", ["iss", "sub", "iat", "exp"])
@pytest.mark.parametrize("odd", [None, "", 0.5, [], "x" * 256, "a\0b"])
def test_claims_that_say_nothing_usable_are_refused(sqlite_house: House, missing: str, odd: object) -> None:
    if missing in ("iat", "exp") and odd == 0.5:
        odd = True
    with pytest.raises(NotSignedIn, match=missing):
        door(sqlite_house).session(claims() | {missing: odd}, HOME)


_word = st.text(max_size=12)
_anything = st.none() | st.booleans() | st.integers() | st.floats() | _word | st.lists(_word, max_size=2)
_names = ["iss", "sub", "iat", "exp", "email", "email_verified", "name", "preferred_username", "groups", "nonce"]


@given(st.dictionaries(st.sampled_from(_names), _anything))
def test_whatever_is_told_is_understood_or_refused(told: dict[str, Any]) -> None:
    try:
        understood = told_by(claims() | told, "groups")
    except NotSignedIn:
        return
    assert understood.subject
    assert understood.issuer
    assert understood.name == " ".join(understood.name.split()) != ""
    assert understood.email is None or told.get("email_verified", True) in (True, "true")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["a@x.org", "b@x.org", None]), st.booleans()), max_size=6
    )
)
def test_a_subject_is_always_one_person_and_a_person_one_subject(
    sqlite_house: House, people: list[tuple[str, str | None, bool]]
) -> None:
    for place, (subject, email, verified) in enumerate(people):
        more: dict[str, Any] = {"groups": ["staff"], "nonce": f"{place}-{now()}", "email_verified": verified}
        try:
            session = enter(sqlite_house, subject=subject, email=email, **more)
        except NotAllowed:
            continue
        [kept] = sqlite_house.ask("SELECT oidc_subject FROM users WHERE id = :id", id=session.person.id)
        assert kept == subject
    subjects = sqlite_house.ask("SELECT oidc_subject FROM users WHERE oidc_subject IS NOT NULL")
    assert len(subjects) == len(set(subjects))


def test_a_session_that_is_old_goes_on_while_it_is_used(house: House) -> None:
    told = claims(groups=["staff"])
    first = door(house).session(told, HOME)
    house.run(
        "UPDATE login_sessions SET created_at = :at WHERE id = :id", at=str(now() - timedelta(days=2)), id=first.id
    )
    assert door(house).session(told, HOME).id == first.id
