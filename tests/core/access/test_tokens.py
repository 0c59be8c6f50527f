"""API tokens: shown once, never more than their person, ended at once."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection as Line
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.access.roles import ROLES, Person, lesser
from core.access.tokens import LONGEST, MOST, TokenDraft, Tokens
from core.clock import now
from core.errors import InputError, NotAllowed, NotFound, NotSignedIn
from core.store.database import open_store
from tests.core.access.conftest import House, at_once, eventually
from tests.core.rows import Rows
from tests.forked import forked


def draft(role: str = "operator", **changes: Any) -> TokenDraft:
    return replace(TokenDraft("script", role, now() + timedelta(days=1)), **changes)


def test_a_token_is_its_person_with_the_tokens_role(house: House) -> None:
    made = house.tokens.create(house.admin, draft("finance"))
    assert house.tokens.list(house.admin) == [made.view]
    assert house.tokens.check(made.secret) == Person(house.admin.id, "Root", "finance", made.view.id)
    assert made.secret.startswith(made.view.prefix)


def test_a_token_is_never_more_than_its_person_now(house: House) -> None:
    ada = house.person("Ada", "admin")
    secrets = {role: house.tokens.create(ada, draft(role)).secret for role in ROLES}
    for later in ROLES:
        house.people.set_role(house.admin, ada.id, later)
        found = {role: house.tokens.check(secret).role for role, secret in secrets.items()}
        assert found == {role: lesser(role, later) for role in ROLES}


@pytest.mark.parametrize("role", ["finance", "admin"])
def test_nobody_makes_a_token_above_themselves(house: House, role: str) -> None:
    ada = house.person("Ada")
    for pretended in (ada, replace(ada, role="admin")):
        with pytest.raises(NotAllowed, match="above your own"):
            house.tokens.create(pretended, draft(role))
    assert house.tokens.list(ada) == []


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 46), st.characters(codec="utf-8"))
def test_a_token_with_one_other_character_never_passes(sqlite_house: House, place: int, letter: str) -> None:
    secret = sqlite_house.tokens.create(sqlite_house.admin, draft()).secret
    forged = secret[:place] + letter + secret[place + 1 :]
    if forged == secret:
        assert sqlite_house.tokens.check(forged).id == sqlite_house.admin.id
    else:
        with pytest.raises(NotSignedIn):
            sqlite_house.tokens.check(forged)
    sqlite_house.run("DELETE FROM api_tokens")


def test_what_is_no_token_is_nobodys(house: House) -> None:
    house.tokens.create(house.admin, draft())
    for secret in ("", "cct_", "' OR '1'='1", "x" * 1_000_000, "\0", "\ud800", "cct_" + "_" * 43):
        with pytest.raises(NotSignedIn, match="not valid"):
            house.tokens.check(secret)


def test_a_cookie_is_no_token(house: House) -> None:
    with pytest.raises(NotSignedIn):
        house.tokens.check(house.first.cookie)


def test_a_token_ends_on_its_day(house: House) -> None:
    made = house.tokens.create(house.admin, draft())
    with time_machine.travel(made.view.expires_at - timedelta(seconds=5)):
        assert house.tokens.check(made.secret).id == house.admin.id
    with time_machine.travel(made.view.expires_at), pytest.raises(NotSignedIn):
        house.tokens.check(made.secret)


BAD: list[dict[str, Any]] = [
    {"name": ""},
    {"name": "x" * 81},
    {"role": "root"},
    {"agents": ()},
    {"agents": ("nowhere",)},
    {"agents": ("\0' OR 1=1",)},
    {"expires_at": datetime(2020, 1, 1)},  # noqa: DTZ001
    {"expires_at": datetime.max},  # noqa: DTZ901
]


def test_a_bad_draft_makes_no_token(house: House) -> None:
    for change in BAD:
        with pytest.raises(InputError):
            house.tokens.create(house.admin, draft(**change))
    assert house.tokens.list(house.admin) == []


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(seconds=-1), LONGEST + timedelta(hours=1)])
def test_a_token_ends_within_a_year(sqlite_house: House, ahead: timedelta) -> None:
    with pytest.raises(InputError, match="366 days"):
        sqlite_house.tokens.create(sqlite_house.admin, draft(expires_at=now() + ahead))


def test_a_token_is_for_its_agents_alone(house: House) -> None:
    rows = Rows(house.store)
    helper, other = rows.agent(house.admin.id), rows.agent(house.admin.id, "Other")
    made = house.tokens.create(house.admin, draft(agents=(helper, helper)))
    assert made.view.agents == (helper,)
    assert house.tokens.check(made.secret).agents == frozenset({helper})
    assert other not in (house.tokens.check(made.secret).agents or ())


def test_a_token_makes_no_further_token_and_ends_none(house: House) -> None:
    made = house.tokens.create(house.admin, draft("admin"))
    through = house.tokens.check(made.secret)
    for refused in (
        lambda: house.tokens.create(through, draft()),
        lambda: house.tokens.list(through),
        lambda: house.tokens.revoke(through, made.view.id),
        lambda: house.sessions.list(through),
        lambda: house.people.invite(through, "eve@example.org", "Eve", "admin"),
    ):
        with pytest.raises(NotAllowed, match="with an API token"):
            refused()


def test_other_peoples_tokens_are_not_there_but_for_admins(house: House) -> None:
    ada, eve = house.person("Ada"), house.person("Eve", "finance")
    made = house.tokens.create(ada, draft())
    for token_id in (made.view.id, "nowhere", "' OR 1=1 --", "\0"):
        with pytest.raises(NotFound, match="no such token"):
            house.tokens.revoke(eve, token_id)
    with pytest.raises(NotAllowed):
        house.tokens.list(eve, ada.id)
    assert house.tokens.check(made.secret).id == ada.id
    assert [view.id for view in house.tokens.list(house.admin, ada.id)] == [made.view.id]
    house.tokens.revoke(house.admin, made.view.id)
    house.tokens.revoke(house.admin, made.view.id)
    with pytest.raises(NotSignedIn):
        house.tokens.check(made.secret)
    assert [view.revoked_at is None for view in house.tokens.list(ada)] == [False]


def test_one_has_only_so_many_also_when_made_at_once(house: House) -> None:
    for _ in range(MOST - 3):
        house.tokens.create(house.admin, draft())
    found = at_once([lambda: house.tokens.create(house.admin, draft())] * 8)
    assert sorted(type(outcome).__name__ for outcome in found) == ["InputError"] * 5 + ["NewToken"] * 3


def test_last_use_is_noted_seldom(house: House) -> None:
    made = house.tokens.create(house.admin, draft())
    for minutes in (0, 4, 6):
        with time_machine.travel(made.view.created_at + timedelta(minutes=minutes), tick=False):
            house.tokens.check(made.secret)
            if minutes == 0:
                eventually(lambda: used(house) is not None)
    eventually(lambda: used(house) == made.view.created_at + timedelta(minutes=6))


def used(house: House) -> datetime | None:
    """When the only token was used."""
    [view] = house.tokens.list(house.admin)
    return view.last_used_at


def until_refused(line: "Line[str, str]", url: str, secret: str) -> None:
    tokens = Tokens(open_store(url))
    tokens.check(secret)
    line.send("in")
    line.recv()
    began = time.monotonic()
    while True:
        try:
            tokens.check(secret)
        except NotSignedIn:
            line.send("out")
            break
        assert time.monotonic() - began < 20


def test_a_revoked_token_is_refused_within_a_second_in_another_process(house: House) -> None:
    made = house.tokens.create(house.admin, draft())
    with forked(until_refused, house.store.url, made.secret) as other:
        assert other.said() == "in"
        house.tokens.revoke(house.admin, made.view.id)
        other.line.send("now")
        assert other.said() == "out"
