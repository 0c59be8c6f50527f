"""The month looks like one: hours and weekdays, conversations that grow, a few things that went wrong."""

from collections import Counter
from datetime import UTC, date, timedelta
from functools import cache
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.books.values import ModelCallEnd
from core.chat.new_turn import NewTurn
from core.demo.cast import read_cast
from core.demo.exchange import Exchange, Talk
from core.demo.script import Month
from core.provider.models import find_model
from tests.core.books.histories import BOOK
from tests.core.demo.looks import BERLIN, TODAY

CAST = read_cast()


@cache
def month(today: date, zone: ZoneInfo) -> tuple[Talk, ...]:
    models = {agent.name: agent.models[0] for agent in CAST.agents}
    whole = Month(CAST, BOOK, models, today, zone)
    return tuple(talk for day in whole.days() for talk in whole.talks(day))


@pytest.fixture(scope="module")
def talks() -> tuple[Talk, ...]:
    return month(TODAY, BERLIN)


@pytest.fixture(scope="module")
def exchanges(talks: tuple[Talk, ...]) -> list[Exchange]:
    return [exchange for talk in talks for exchange in talk]


def share(count: int, exchanges: list[Exchange]) -> float:
    return count / len(exchanges)


@pytest.mark.parametrize("today", [date(2026, 11, 21), date(2027, 1, 4), date(2027, 2, 28), date(2027, 4, 1)])
def test_it_has_some_thousand_traces(today: date) -> None:
    assert 2_000 <= sum(map(len, month(today, BERLIN))) <= 4_000


def test_people_work_on_weekdays_by_day_in_the_organisations_zone() -> None:
    for zone in (BERLIN, ZoneInfo("America/Los_Angeles"), ZoneInfo("Asia/Kolkata")):
        began = [talk[0].opening.head.at.astimezone(zone) for talk in month(TODAY, zone)]
        weekdays = Counter(at.weekday() for at in began)
        assert weekdays[5] + weekdays[6] < weekdays[2] / 2
        assert all(7 <= at.hour < 21 for at in began)
        assert {at.date() for at in began} <= {TODAY - timedelta(days=ago) for ago in range(31)}


@given(st.dates(date(2026, 11, 1), date(2030, 1, 1)))
def test_a_conversation_goes_forward(today: date) -> None:
    whole = Month(CAST, BOOK, {agent.name: agent.models[0] for agent in CAST.agents}, today, BERLIN)
    for talk in whole.talks(today - timedelta(days=1)):
        assert 1 <= len(talk) <= 12
        for before, after in pairwise(talk):
            assert after.opening.head.at > before.end.ended.at
            assert after.opening.last_message_id == before.opening.head.message_id
            assert after.opening.user_message_id > before.opening.head.message_id


def last_of(exchange: Exchange) -> ModelCallEnd:
    return exchange.end.runs[0].last


def ids_of(opening: NewTurn) -> tuple[str, ...]:
    return opening.trace.id, opening.run.id, opening.call.id, opening.user_message_id, opening.head.message_id


def test_every_id_is_of_its_own_and_all_times_are_utc(exchanges: list[Exchange]) -> None:
    ids = [each for exchange in exchanges for each in ids_of(exchange.opening)]
    ids += [attempt.id for exchange in exchanges for _, attempt in exchange.retries]
    assert len(set(ids)) == len(ids)
    assert all(exchange.opening.head.at.tzinfo is UTC for exchange in exchanges)


def test_the_cached_context_grows_with_a_conversation(talks: tuple[Talk, ...]) -> None:
    reads = [
        (last_of(before).usage, last_of(after).usage)
        for talk in talks
        for before, after in pairwise(talk)
        if last_of(after).usage.cache_read and last_of(before).usage.total
    ]
    assert len(reads) > 500
    assert all(after.cache_read == before.cache_read + before.cache_write for before, after in reads)


def test_about_three_in_a_hundred_end_badly_and_a_few_are_not_exact(exchanges: list[Exchange]) -> None:
    statuses = Counter(exchange.end.ended.status for exchange in exchanges)
    assert 0.02 < share(len(exchanges) - statuses["completed"], exchanges) < 0.045
    assert set(statuses) == {"completed", "failed", "stopped", "interrupted"}
    bases = Counter(last_of(exchange).cost.basis for exchange in exchanges if "preview" in _answered_by(exchange))
    assert set(bases) == {"unpriced"}
    assert 0.001 < share(bases.total(), exchanges) < 0.012
    assert 0.01 < share(sum(last_of(exchange).cost.basis == "estimated" for exchange in exchanges), exchanges) < 0.03
    assert 0.02 < share(sum(bool(exchange.retries) for exchange in exchanges), exchanges) < 0.08


def _answered_by(exchange: Exchange) -> str:
    return last_of(exchange).reported.model or ""


def test_all_kinds_of_tokens_are_used(exchanges: list[Exchange]) -> None:
    used = [last_of(exchange).usage for exchange in exchanges]
    for kind in ("input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "thinking", "web_searches"):
        assert sum(getattr(usage, kind) > 0 for usage in used) > 20, kind
    assert len({agent.models[0] for agent in CAST.agents}) >= 5


def test_times_fit_the_tokens(exchanges: list[Exchange]) -> None:
    fine = [exchange.end for exchange in exchanges if exchange.end.ended.status == "completed" and not exchange.retries]
    for end in fine:
        first = end.ended.first_token_ms
        assert first is not None
        assert 300 <= first <= end.ended.duration_ms
        assert end.runs[0].last.usage.output / end.ended.duration_ms < 0.25, "tokens a millisecond"
    assert 400 < median(end.ended.first_token_ms or 0 for end in fine) < 3_000
    assert 1_500 < median(end.ended.duration_ms for end in fine) < 20_000


def test_its_models_are_those_of_the_catalogue() -> None:
    assert all(find_model(model) for agent in CAST.agents for model in agent.models)
    names = {agent.name for agent in CAST.agents}
    assert all(set(person.agents) <= names for person in CAST.people)
