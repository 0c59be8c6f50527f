"""The audit log: one entry with each change, none without, never a secret, never taken back."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from core.access.audit import AuditView, record
from core.access.roles import Person
from core.access.secret_tokens import new_secret
from core.access.tokens import TokenDraft
from core.clock import now
from core.errors import NotAllowed
from tests.core.access.conftest import HOME, PASSWORD, House


def told(entries: list[AuditView]) -> list[tuple[str | None, str, str]]:
    return [(entry.actor, entry.action, entry.subject_kind) for entry in entries]


def test_every_change_is_told_newest_first(house: House) -> None:
    ada = house.join("Ada")
    person = ada.session.person
    house.people.set_role(house.admin, person.id, "finance")
    token = house.tokens.create(person, TokenDraft("script", "operator", now() + timedelta(days=365)))
    house.tokens.revoke(house.admin, token.view.id)
    house.sessions.revoke(person, ada.session.id)
    house.people.deactivate(house.admin, person.id)
    house.people.reactivate(house.admin, person.id)
    house.sign_in.accept(house.people.rescue_link("ada@example.org").secret, PASSWORD, HOME)
    assert told(house.audit.list(house.admin)) == [
        ("Ada", "signed in", "session"),
        ("Ada", "chose a new password", "person"),
        (None, "allowed a new password", "person"),
        ("Root", "reactivated", "person"),
        ("Root", "deactivated", "person"),
        ("Ada", "revoked", "session"),
        ("Root", "revoked", "token"),
        ("Ada", "created", "token"),
        ("Root", "changed role", "person"),
        ("Ada", "signed in", "session"),
        ("Ada", "joined", "person"),
        ("Root", "invited", "person"),
        ("Root", "signed in", "session"),
        ("Root", "set up", "person"),
    ]


def test_what_changes_nothing_is_not_told(house: House) -> None:
    ada = house.person("Ada")
    before = len(house.audit.list(house.admin))
    house.people.set_role(house.admin, ada.id, "operator")
    house.people.reactivate(house.admin, ada.id)
    assert len(house.audit.list(house.admin)) == before


def test_a_change_that_fails_is_not_told(house: House) -> None:
    def change(connection: Connection) -> None:
        record(connection, house.admin, "changed", ("thing", "1"))
        raise ValueError("in the end")

    before = house.audit.list(house.admin)
    with pytest.raises(ValueError, match="in the end"):
        house.store.write(change).result()
    assert house.audit.list(house.admin) == before


def add(house: House, by: Person | None, count: int = 1, **detail: str) -> None:
    def change(connection: Connection) -> None:
        for number in range(count):
            record(connection, by, "changed", ("thing", str(number)), **detail)

    house.store.write(change).result()


def test_pages_follow_each_other_without_gap_or_repeat(house: House) -> None:
    add(house, house.admin, 25)
    whole = house.audit.list(house.admin, limit=500)
    pages: list[AuditView] = []
    while page := house.audit.list(house.admin, before=pages[-1].id if pages else None, limit=10):
        add(house, house.admin)
        pages += page
    assert pages == whole
    assert len(whole) == 27


def test_one_actor_can_be_picked(house: House) -> None:
    ada = house.person("Ada")
    add(house, ada, 3)
    assert [entry.actor for entry in house.audit.list(house.admin, actor_id=ada.id)] == ["Ada"] * 5


def test_hostile_filters_find_nothing(house: House) -> None:
    for text in ("", "' OR 1=1 --", "\0", "\ud800", "x" * 100_000):
        assert house.audit.list(house.admin, actor_id=text) == []
    assert house.audit.list(house.admin, before="' OR 1=1 --") == []
    assert house.audit.list(house.admin, limit=-5) == house.audit.list(house.admin, limit=1)


def test_only_admins_read_it(house: House) -> None:
    with pytest.raises(NotAllowed, match="audit log"):
        house.audit.list(house.person("Ada", "finance"))


def test_a_secret_in_a_detail_is_blotted_out_and_a_long_one_cut(house: House) -> None:
    secret = new_secret("token")
    add(house, house.admin, note=f"made {secret}", key="sk-ant-api03-abcdef", long="x" * 10_000, odd="\0\ud800")
    detail = house.audit.list(house.admin, limit=1)[0].detail
    assert detail == {"note": "made [secret]", "key": "[secret]", "long": "x" * 500, "odd": "\0\ud800"}


def test_what_a_token_did_says_which(house: House) -> None:
    add(house, Person(house.admin.id, "Root", "admin", token_id="t1"))
    assert house.audit.list(house.admin, limit=1)[0].detail == {"token_id": "t1"}


def test_the_database_takes_nothing_back(house: House) -> None:
    before = house.audit.list(house.admin)
    for statement in ("UPDATE audit_log SET action = 'nothing'", "DELETE FROM audit_log"):
        with pytest.raises(IntegrityError, match="append-only"):
            house.run(statement)
    assert house.audit.list(house.admin) == before


def test_the_ways_around_a_trigger_are_known_too(house: House) -> None:
    around = {
        "sqlite": "INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log",
        "postgresql": "TRUNCATE audit_log",
    }
    before = house.audit.list(house.admin)
    with pytest.raises(IntegrityError, match="append-only"):
        house.run(around[house.store.dialect])
    assert house.audit.list(house.admin) == before


def test_it_can_be_narrowed_to_what_was_done(house: House) -> None:
    ada = house.person("Ada")
    house.people.deactivate(house.admin, ada.id)
    found = house.audit.list(house.admin, what=("deactivated", "person"), actor_id=house.admin.id)
    assert [(entry.action, entry.subject_id) for entry in found] == [("deactivated", ada.id)]
    for hostile in (("deactivated", "agent"), ("' OR 1=1 --", "person"), ("\0", "\ud800")):
        assert house.audit.list(house.admin, what=hostile) == []
