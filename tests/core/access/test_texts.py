"""What people wrote is for them and for admins: finance gets sums, and its questions never touch a word (T4)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event

from core.access.roles import Person
from core.analytics.filters import TraceFilter
from core.exports.columns import FILES
from core.store.database import Store
from core.wiring import Services
from tests.core.access.calls import AT, CHOICE
from tests.core.access.world import CANARY, World, a_world

WORDS = re.compile(
    r"task_trace\.instruction|trace_spans\.(input|output|error_text)\b|tool_approvals\.reason|\bmessages\b"
    r"|attachments|conversations\.title|trace_search",
    re.IGNORECASE,
)


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(store.engine, "before_cursor_execute", note)


def everything(services: Services, by: Person, world: World) -> Iterator[object]:
    """All that traces, costs and their files tell."""
    traces, names = services.traces, services.costs.names(by)
    yield names
    for text in ("", CANARY, f"bad {CANARY}", world.ids["trace"]):
        yield traces.page(by, TraceFilter(text=text))
        yield traces.count(by, TraceFilter(text=text))
    for trace in (world.ids["trace"], world.ids["waiting"]):
        yield traces.detail(by, trace)
        yield (traces.asked(by, trace), traces.spans(by, trace), traces.tool_texts(by, trace), traces.ledger(by, trace))
    yield services.costs.view(by, CHOICE, names, AT)
    yield services.costs.parts(by, CHOICE, "person", names)
    for file in FILES:
        download = services.exports.begin(services.exports.order(by, file, TraceFilter(), "UTC"))
        yield b"".join(download.pieces).decode()


def test_t4_finance_reads_no_word_and_no_question_of_finance_touches_one(store: Store, tmp_path: Path) -> None:
    with a_world(store, tmp_path) as world:
        services, finance, admin = world.services, world.others["finance"], world.others["admin"]
        with statements(services.store) as said:
            seen = list(everything(services, finance, world))
        assert CANARY not in repr(seen)
        assert [statement for statement in said if WORDS.search(statement)] == []
        assert {row.person for row in services.traces.page(finance)} == {"Ada"}
        with statements(services.store) as said:
            assert repr(list(everything(services, admin, world))).count(CANARY) >= 5
        assert any(WORDS.search(statement) for statement in said)


def test_t4_finance_finds_traces_by_ids_and_never_by_words(store: Store, tmp_path: Path) -> None:
    with a_world(store, tmp_path) as world:
        traces, finance, admin = world.services.traces, world.others["finance"], world.others["admin"]
        for text, by_words in ((CANARY, 2), (CANARY[:5].lower(), 2), (f"{CANARY} asked", 2)):
            found = TraceFilter(text=text)
            assert (traces.page(finance, found), traces.count(finance, found)) == ([], 0)
            assert (len(traces.page(admin, found)), traces.count(admin, found)) == (by_words, by_words)
            assert len(traces.page(world.ada, found)) == by_words
            assert traces.page(world.others["operator"], found) == []
            order = world.services.exports.order(finance, "traces", found, "UTC")
            assert b"".join(world.services.exports.begin(order).pieces).count(b"\n") == 1
        for text in (world.ids["trace"], world.ids["conversation"]):
            assert world.ids["trace"] in [row.id for row in traces.page(finance, TraceFilter(text=text))]


def test_finance_reads_no_word_in_traces_of_its_own_either(store: Store, tmp_path: Path) -> None:
    with a_world(store, tmp_path) as world:
        own = Person(world.ada.id, "Ada", "finance")
        assert CANARY not in repr(list(everything_but_files(world, own)))
        assert CANARY in repr(world.services.conversations.transcript(own, world.ids["conversation"]))


def everything_but_files(world: World, by: Person) -> Iterator[object]:
    traces = world.services.traces
    yield traces.page(by)
    yield traces.detail(by, world.ids["waiting"])
    yield traces.asked(by, world.ids["trace"]), traces.tool_texts(by, world.ids["waiting"])
