"""What people may is asked when it is used: by each tool, each further call, each consent and each file (F1)."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from core.access.roles import Person
from core.agent.tools.tool import ToolContext
from core.analytics.filters import TraceFilter
from core.chat import engine
from core.chat.turn import Turn
from core.clock import now
from core.errors import NotAllowed, NotSignedIn
from core.events import ToolProgress
from core.exports import exports as exporting
from core.store.access import ApiToken, User
from core.store.database import Store
from core.store.tool_tables import ToolApproval
from tests.core.agent.toolkit import TOOLS, asks, results, says, tool
from tests.core.api.programs import token_for
from tests.core.books.in_store import rows
from tests.core.chat import tooling
from tests.core.chat.conftest import ended
from tests.core.chat.test_approvals import waiting
from tests.core.chat.tooling import Open, Workshop, assert_adds_up, assert_whole
from tests.core.rows import Rows

Lose: TypeAlias = Callable[[Store, Person], None]
CALL: tuple[str, str, dict[str, Any]] = ("a", "probe", {})


class Probe:
    """A tool that says as whom it runs, and goes on when the test lets it."""

    def __init__(self) -> None:
        self.roles: list[str] = []
        self.runs, self.go_on = threading.Event(), threading.Event()

    async def run(self, given: Mapping[str, Any], asking: ToolContext) -> str:
        self.roles.append(asking.by.role)
        self.runs.set()
        await asyncio.to_thread(self.go_on.wait, 20)
        return "everybody's spend"


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Probe]:
    probe = Probe()
    monkeypatch.setattr(tooling, "TOOLS", {**TOOLS, "probe": tool("probe", probe.run)})
    yield probe
    probe.go_on.set()


def _change(store: Store, person_id: str, **values: Any) -> None:
    changed = User.__table__.update().where(User.__table__.c.id == person_id).values(**values)
    store.write(lambda connection: connection.execute(changed).close()).result()


def lower(store: Store, by: Person) -> None:
    _change(store, by.id, role="operator")


def deactivate(store: Store, by: Person) -> None:
    _change(store, by.id, deactivated_at=now())


def revoke(store: Store, by: Person) -> None:
    tokens = ApiToken.__table__
    revoked = tokens.update().where(tokens.c.id == by.token_id).values(revoked_at=now())
    store.write(lambda connection: connection.execute(revoked).close()).result()


def expire(store: Store, by: Person) -> None:
    tokens = ApiToken.__table__
    expired = tokens.update().where(tokens.c.id == by.token_id).values(expires_at=now())
    store.write(lambda connection: connection.execute(expired).close()).result()


GONE = pytest.mark.parametrize(
    ("lose", "reason"), [(deactivate, "deactivated"), (revoke, "revoked"), (expire, "revoked")]
)


def finance(shop: Workshop) -> Person:
    """Somebody of finance, through a token."""
    who = Rows(shop.services.store).person("Fin")
    _change(shop.services.store, who, role="finance")
    token = token_for(shop.services, Person(who, "Fin", "finance"), consents=True)
    return shop.services.access.tokens.check(token.secret)


def send(shop: Workshop, by: Person) -> Turn:
    return shop.services.turns.send(owner=by, agent_id=shop.agent_id, text="Go.")


def test_f1_a_tool_may_what_the_person_may_once_it_runs(store: Store, work: Open, probe: Probe) -> None:
    shop = work(asks(CALL), says("Done."), ask_first=("probe",))
    turn = send(shop, by := finance(shop))
    [asked] = waiting(turn)
    lower(store, by)
    probe.go_on.set()
    shop.services.approvals.decide(replace(by, role="operator"), asked.span_id, approved=True)
    assert ended(turn).status == "completed"
    assert probe.roles == ["operator"]


def test_f1_what_a_tool_found_for_a_higher_role_is_kept_back(store: Store, work: Open, probe: Probe) -> None:
    shop = work(asks(CALL), says("Done."))
    turn = send(shop, by := finance(shop))
    assert probe.runs.wait(10)
    lower(store, by)
    probe.go_on.set()
    assert ended(turn).status == "completed"
    [given] = results(shop.script.messages[1][-1])
    assert (probe.roles, given["is_error"], "spend" in given["content"]) == (["finance"], True, False)


def test_f1_a_raised_role_takes_no_result_away(store: Store, work: Open, probe: Probe) -> None:
    shop = work(asks(CALL), says("Done."))
    turn = send(shop, by := finance(shop))
    assert probe.runs.wait(10)
    _change(store, by.id, role="admin")
    probe.go_on.set()
    assert ended(turn).status == "completed"
    assert [given["content"] for given in results(shop.script.messages[1][-1])] == ["everybody's spend"]


@GONE
def test_f1_a_turn_that_waits_for_consent_ends_with_the_right_to_it(
    store: Store, work: Open, probe: Probe, monkeypatch: pytest.MonkeyPatch, lose: Lose, reason: str
) -> None:
    assert engine.TURN_AWAY_SECONDS <= 4
    monkeypatch.setattr(engine, "TURN_AWAY_SECONDS", 0.05)
    shop = work(asks(CALL), ask_first=("probe",))
    turn = send(shop, by := finance(shop))
    waiting(turn)
    lose(store, by)
    end = ended(turn)
    assert (end.status, end.error_type, probe.roles) == ("stopped", reason, [])
    assert_whole(store, turn)
    assert_adds_up(store, turn)


@GONE
def test_f1_between_two_looks_no_tool_and_no_call_goes_on(
    store: Store, work: Open, probe: Probe, monkeypatch: pytest.MonkeyPatch, lose: Lose, reason: str
) -> None:
    monkeypatch.setattr(engine, "TURN_AWAY_SECONDS", 1_000)
    shop = work(asks(CALL), says("Never asked for."))
    turn = send(shop, by := finance(shop))
    assert probe.runs.wait(10)
    lose(store, by)
    probe.go_on.set()
    end = ended(turn)
    assert (end.status, end.error_type, len(shop.script.requests)) == ("stopped", NotSignedIn.code, 1)
    told = [each.event.result for each in turn.get(0) if isinstance(each.event, ToolProgress)]
    assert not any("spend" in text for text in told)
    assert_adds_up(store, turn)


@GONE
def test_f1_nobody_consents_with_a_right_that_is_gone(
    store: Store, work: Open, probe: Probe, monkeypatch: pytest.MonkeyPatch, lose: Lose, reason: str
) -> None:
    monkeypatch.setattr(engine, "TURN_AWAY_SECONDS", 1_000)
    shop = work(asks(CALL), ask_first=("probe",))
    turn = send(shop, by := finance(shop))
    [asked] = waiting(turn)
    lose(store, by)
    with pytest.raises(NotSignedIn):
        shop.services.approvals.decide(by, asked.span_id, approved=True)
    assert [row["decision"] for row in rows(store, ToolApproval)] == [None]
    turn.stop()
    assert ended(turn).status == "stopped"


@pytest.mark.parametrize(
    ("lose", "error"), [(lower, NotAllowed), (deactivate, NotSignedIn), (revoke, NotSignedIn), (expire, NotSignedIn)]
)
def test_f1_a_file_under_way_ends_with_the_right_to_it(
    store: Store, work: Open, monkeypatch: pytest.MonkeyPatch, lose: Lose, error: type[Exception]
) -> None:
    monkeypatch.setattr(exporting, "ASKED_EVERY_SECONDS", 0)
    shop = work(says("Done."))
    turn = send(shop, by := finance(shop))
    assert ended(turn).status == "completed"
    files = shop.services.exports
    download = files.begin(files.order(by, "traces", TraceFilter(), "UTC"))
    assert b"," in next(download.pieces)
    lose(store, by)
    with pytest.raises(error):
        next(download.pieces)
    download.close()
    assert download.progress.state == "failed"
