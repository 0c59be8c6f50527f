"""Files attached to messages: sent, kept, counted, kept again by a retry, and forgotten with their conversation."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from core.access.roles import Person
from core.agent.context import Persona, estimate_prompt
from core.budgets.budgets import BudgetDraft
from core.chat.turn import Turn
from core.conversations import attachment_limits
from core.conversations.attachment_limits import check_request
from core.conversations.attachments import Attachment, check_files, claim_files, expand
from core.errors import (
    AgentInactive,
    AppError,
    BudgetSpent,
    ConversationBusy,
    FileRefused,
    InputError,
    NotFound,
    TooManyRequests,
)
from core.files import looking
from core.provider.models import find_model
from core.store import attachment_tables
from core.store.budgets import Budget
from core.store.database import Store
from core.store.tables import LedgerLine
from core.wiring import Services
from tests.core.chat.conftest import ended
from tests.core.chat.test_turns import SLOW
from tests.sample_files import CSV, image, pdf

Send = Callable[..., Turn]

PICTURE = Attachment("a photo.png", image(width=560, height=280))
TABLE = Attachment("increments.csv", CSV)
PICTURE_TOKENS = 200


def rows(store: Store) -> list[Any]:
    with store.read() as connection:
        return list(connection.execute(select(attachment_tables.Attachment.__table__)))


def prompt_of(turn: Turn) -> int:
    return ended(turn).usage.prompt


def test_files_are_sent_kept_and_counted_to_the_nano_dollar(services: Services, send: Send, store: Store) -> None:
    plain = prompt_of(send("[[say: Seen.]]"))
    turn = send("[[say: Seen.]]", attachments=[PICTURE, TABLE])
    end = ended(turn)
    assert (end.status, end.basis) == ("completed", "computed")
    assert PICTURE_TOKENS < end.usage.prompt - plain < PICTURE_TOKENS + 40
    with store.read() as connection:
        of_turn = select(func.sum(LedgerLine.__table__.c.amount_nanos)).where(
            LedgerLine.__table__.c.task_trace_id == turn.id
        )
        assert connection.execute(of_turn).scalar() == end.total == services.traces.page(services.me)[0].total
    said, _ = services.conversations.transcript(services.me, turn.conversation_id)
    picture, table, words = said.blocks
    assert words == {"type": "text", "text": "[[say: Seen.]]"}
    assert (picture["name"], picture["width"], table["media_type"]) == ("a photo.png", 560, "text/csv")
    read = [
        services.conversations.attached_file(services.me, turn.conversation_id, each["id"]) for each in (picture, table)
    ]
    assert read == [PICTURE.data, CSV]
    ids = [picture["id"], table["id"]]
    assert set(services.conversations.previews(services.me, turn.conversation_id, ids)) == {picture["id"]}
    assert services.conversations.previews(services.me, turn.conversation_id, []) == {}


def test_files_without_words_make_a_message_and_a_title(services: Services, send: Send) -> None:
    turn = send("", attachments=[PICTURE])
    assert ended(turn).status == "completed"
    assert services.conversations.get(services.me, turn.conversation_id).title == "a photo.png"
    assert services.traces.asked(services.me, turn.id) == "a photo.png"
    with pytest.raises(InputError, match="The message is empty"):
        send("  ", turn.conversation_id)


def test_what_was_attached_goes_with_each_later_message_and_is_read_from_the_cache(
    services: Services, send: Send
) -> None:
    first = send("[[say: Seen.]]", attachments=[Attachment("big.png", image(width=2_000, height=2_000))])
    before = prompt_of(first)
    second = ended(send("And now? [[say: Still seen.]]", first.conversation_id))
    assert second.usage.cache_read == before > 4_000
    assert second.usage.prompt > before


def test_a_retry_and_an_edit_keep_the_files(services: Services, send: Send, store: Store) -> None:
    first = send("[[say: One.]]", attachments=[PICTURE, TABLE])
    before = prompt_of(first)
    said = services.conversations.transcript(services.me, first.conversation_id)[0]
    again = send(said.text, first.conversation_id, replaces=said.id)
    assert prompt_of(again) == before
    said = services.conversations.transcript(services.me, first.conversation_id)[0]
    edited = send("", first.conversation_id, replaces=said.id, attachments=[Attachment("more.txt", b"more")])
    assert ended(edited).status == "completed"
    now = services.conversations.transcript(services.me, first.conversation_id)[0]
    assert [block["name"] for block in now.blocks] == ["a photo.png", "increments.csv", "more.txt"]
    assert len(rows(store)) == 3


def test_a_refused_file_costs_nothing_and_keeps_nothing(services: Services, send: Send, store: Store) -> None:
    for files in ([TABLE, Attachment("no.png", b"words")], [TABLE] * 11):
        with pytest.raises(FileRefused, match="Nothing was sent"):
            send("Look", attachments=files)
    assert (services.traces.count(services.me), rows(store)) == (0, [])


def test_the_same_words_with_another_file_are_another_message(services: Services, send: Send) -> None:
    first = send(SLOW, attachments=[TABLE])
    assert send(SLOW, first.conversation_id, attachments=[TABLE]) is first
    for other in ([], [PICTURE]):
        with pytest.raises(ConversationBusy):
            send(SLOW, first.conversation_id, attachments=other)
    first.stop()
    ended(first)


@pytest.mark.each_database
def test_deleting_a_conversation_deletes_its_files_and_only_those(services: Services, send: Send, store: Store) -> None:
    gone, kept = send("One", attachments=[PICTURE]), send("Two", attachments=[TABLE])
    ended(gone), ended(kept)
    reference = services.conversations.transcript(services.me, gone.conversation_id)[0].blocks[0]
    services.conversations.delete(services.me, gone.conversation_id)
    assert [(row.name, bytes(row.data)) for row in rows(store)] == [("increments.csv", CSV)]
    with pytest.raises(NotFound):
        services.conversations.attached_file(services.me, gone.conversation_id, reference["id"])


def test_nobody_reads_the_files_of_others(services: Services, send: Send) -> None:
    turn = send("One", attachments=[PICTURE])
    ended(turn)
    reference = services.conversations.transcript(services.me, turn.conversation_id)[0].blocks[0]
    with pytest.raises(NotFound):
        services.conversations.attached_file(Person("x", "Eve", "admin"), turn.conversation_id, reference["id"])
    eve = Person("x", "Eve", "admin")
    assert services.conversations.previews(eve, turn.conversation_id, [reference["id"]]) == {}


def references(*files: Attachment) -> list[dict[str, Any]]:
    return [file.reference for file in check_files(claim_files(files), "ada")]


@pytest.mark.parametrize(("ability", "file"), [("images", PICTURE), ("pdf", Attachment("a.pdf", pdf()))])
def test_a_model_is_not_sent_what_it_cannot_take(
    monkeypatch: pytest.MonkeyPatch, ability: str, file: Attachment
) -> None:
    model = find_model("claude-opus-5-5")
    assert model is not None
    unable = replace(model, **{ability: False})  # type: ignore[arg-type]
    monkeypatch.setattr(attachment_limits, "find_model", lambda _: unable)
    with pytest.raises(FileRefused, match="Choose an agent with another model"):
        check_request(references(TABLE, file), "claude-opus-5-5")
    check_request(references(TABLE), "claude-opus-5-5")


def test_more_than_a_request_can_hold_is_refused() -> None:
    [large], [small], [long] = references(PICTURE), references(PICTURE), references(Attachment("a.pdf", pdf(60)))
    large |= {"width": 2_001}
    check_request([large] * 20, "claude-opus-5-5")
    for attached, why in (
        ([small] * 20 + [large], "With more than 20 images"),
        ([small] * 101, "101 images; Claude Haiku 4.5 takes 100"),
        ([long] * 2, "120 PDF pages; Claude Haiku 4.5 takes 100"),
        ([small | {"size": 12_000_000}] * 2, "24.0 MB together; 22 MB"),
    ):
        with pytest.raises(FileRefused, match=why):
            check_request(attached, "claude-haiku-4-5")


def test_the_estimate_is_near_what_the_provider_counts(send: Send) -> None:
    given = [PICTURE, Attachment("a.pdf", pdf(2)), Attachment("words.txt", b"some plain words " * 200)]
    files = check_files(claim_files(given), "ada")
    blocks = expand([file.reference for file in files], {file.reference["id"]: file.data for file in files})
    estimate = estimate_prompt(Persona("claude-opus-5-5", "", 1_000, thinking=False), [], "", blocks).central
    assert PICTURE_TOKENS + 4_600 + 3_400 / 5 < estimate < PICTURE_TOKENS + 4_600 + 3_400 / 3


def _take_all(connection: Connection) -> None:
    connection.execute(Budget.__table__.update().values(spent_nanos=Budget.__table__.c.limit_nanos))


def _nothing_is_opened(*_: object) -> bytes:
    raise AssertionError("a file was opened before it was known whether it may be sent")


@pytest.mark.parametrize("full", ["quota", "at once", "budget", "agent", "count", "size", "together", "kind"])
def test_h1_no_file_is_opened_for_what_is_refused_anyway(
    make_services: Callable[..., Services], monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    limits = {"quota": {"messages_per_day": 1}, "at once": {"answers_at_once": 1}}.get(full, {})
    services = make_services(**limits)
    me, [agent, *_] = services.me, services.agents.list(services.me)
    monkeypatch.setattr(looking, "_asked", _nothing_is_opened)
    files: list[Attachment] = [PICTURE]
    error: type[AppError] = AppError
    if full in ("quota", "at once"):
        begun = services.turns.send(owner=me, agent_id=agent.id, text=SLOW if full == "at once" else "One")
        error = TooManyRequests
    elif full == "budget":
        services.budgets.create(me, BudgetDraft("organisation", None, "month", 1, blocks=True))
        services.store.write(_take_all).result()
        error = BudgetSpent
    elif full == "agent":
        services.agents.set_active(me, agent.id, False)
        error = AgentInactive
    elif full == "kind":
        model = find_model(agent.model)
        assert model is not None
        monkeypatch.setattr(attachment_limits, "find_model", lambda _: replace(model, images=False))
        error = FileRefused
    else:
        large = Attachment("a.png", b"\x89PNG\r\n\x1a\n" + bytes(7_000_000))
        files = {"count": [PICTURE] * 11, "size": [replace(large, data=large.data * 2)], "together": [large] * 4}[full]
        error = FileRefused
    with pytest.raises(error):
        services.turns.send(owner=me, agent_id=agent.id, text="See", attachments=files)
    if full in ("quota", "at once"):
        begun.stop()
