"""Metrics: only for who may see all costs, and nothing but the truth."""

from collections import Counter
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from core.access.roles import Person
from core.chat.tally import TOKENS
from core.errors import StoreError
from tests.core.api.doors import Doors, Headers, Open, bearer

Samples = dict[tuple[str, ...], float]


def samples(doors: Doors, headers: Headers | None = None) -> Samples:
    """Values by name and labels, these in the order of their names."""
    answer = doors.get("/metrics", headers)
    assert (answer.status_code, answer.headers["content-type"][:25]) == (200, "text/plain; version=1.0.0")
    return {
        (sample.name.removeprefix("command_center_"), *(sample.labels[label] for label in sorted(sample.labels))): value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        for value in [sample.value]
    }


def test_metrics_are_for_who_may_see_what_others_spent(accounts: Doors) -> None:
    admin = accounts.admin()
    assert accounts.get("/metrics").status_code == 401
    for role, status in (("operator", 403), ("finance", 200), ("admin", 200)):
        assert accounts.get("/metrics", accounts.token(admin.session.person, role)).status_code == status
    assert accounts.get("/metrics", bearer(admin.cookie)).status_code == 200


def test_without_sign_in_metrics_are_for_this_machine(open_api: Open) -> None:
    doors = open_api()
    assert doors.get("/metrics").status_code == 200
    elsewhere = TestClient(doors.app, client=("192.0.2.1", 50_000))
    assert elsewhere.get("/metrics").json()["code"] == "not_allowed"


def test_what_turns_came_to_is_what_the_books_say(open_api: Open) -> None:
    doors = open_api(attempts=2, retry_after_cap_seconds=0)
    me = doors.services.me
    for text in ("Hello", "And now?", "[[fault: overloaded 1 times]] Hello?", "[[fault: cut after 5]] Hello"):
        doors.say(me, text)
    seen = _settled(doors, turns=4)
    statuses, tokens, nanos, calls, unpriced = _books(doors, me)
    assert {key[1]: value for key, value in seen.items() if key[0] == "turns_ended_total"} == statuses
    # Labels come in the order of their names: the kind of tokens before the model.
    assert {key[1:]: value for key, value in seen.items() if key[0] == "tokens_total" and value} == tokens
    assert {key[1]: value for key, value in seen.items() if key[0] == "cost_nanodollars_total"} == nanos
    assert sum(value for key, value in seen.items() if key[0] == "provider_attempts_total") == calls
    assert sum(value for key, value in seen.items() if key[0] == "unpriced_attempts_total") == unpriced
    assert seen["turns_live",] == 0
    assert seen["spool_bytes",] == 0
    assert (seen["database_up",], seen["rollup_hours_behind",]) == (1, 1)


def _settled(doors: Doors, turns: int) -> Samples:
    """A turn is counted a moment after its last event."""
    while True:
        seen = samples(doors)
        if sum(value for key, value in seen.items() if key[0] == "turns_ended_total") == turns:
            return seen


def _books(doors: Doors, me: Person) -> tuple[dict[str, int], dict[tuple[str, str], int], dict[str, int], int, int]:
    statuses, tokens, nanos = Counter[str](), Counter[tuple[str, str]](), Counter[str]()
    calls, unpriced = 0, 0
    for row in doors.services.traces.page(me):
        statuses[row.status] += 1
        spans = doors.services.traces.spans(me, row.id)
        calls += len(spans)
        for span in spans:
            unpriced += span.total is None
            nanos[span.model] += span.total or 0
            tokens.update({(kind, span.model): getattr(span.usage, kind) for kind in TOKENS})
    return dict(statuses), dict(+tokens), dict(nanos), calls, unpriced


def test_requests_are_counted_by_route_and_never_by_what_callers_wrote(open_api: Open) -> None:
    doors = open_api()
    for path in ("/api/agents/one", "/api/agents/two", "/api/nothing/here", "/api/agents"):
        doors.get(path)
    doors.client.request("BREW", "/api/agents")
    counted = {key[1:]: value for key, value in samples(doors).items() if key[0] == "http_requests_total"}
    assert counted["GET", "/api/agents/{agent_id}", "404"] == 2
    assert counted["GET", "/api/agents", "200"] == 1
    assert not [key for key in counted if "nothing" in str(key) or "BREW" in key]
    assert sum(counted.values()) == 5


def test_a_database_that_is_away_is_told_and_the_rest_is_there(open_api: Open) -> None:
    doors = open_api()

    def away() -> Any:
        raise StoreError("The database is away for a test.")

    doors.services.store.read = away  # type: ignore[method-assign]
    seen = samples(doors)
    assert (seen["database_up",], seen["turns_live",]) == (0, 0)
    assert ("rollup_hours_behind",) not in seen


def test_ends_that_wait_for_the_database_are_told_by_their_size(open_api: Open) -> None:
    doors = open_api()
    folder = doors.services.settings.data_dir / "spool"
    folder.mkdir(exist_ok=True)
    (folder / "another:1:instance.jsonl").write_bytes(b"x" * 70)
    (folder / "another:1:instance.refused").write_bytes(b"x" * 7)
    seen = samples(doors)
    assert (seen["spool_bytes",], seen["spool_refused_bytes",]) == (70, 7)
