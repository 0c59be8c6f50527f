"""Links: what they ask for comes back, for a while, and nothing else opens a file."""

import os
import stat
import string
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from core.analytics.filters import TraceFilter
from core.errors import NotAllowed, SetupError
from core.exports.links import VALID_SECONDS, Links, Order, address, signing_key
from tests.core.exports.ledgers import KEY, an_order

AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
WORDS = st.lists(st.text(), max_size=3).map(tuple)
MOMENTS = st.none() | st.datetimes(timezones=st.just(UTC))
FILTERS = st.builds(
    TraceFilter,
    start=MOMENTS,
    end=MOMENTS,
    agents=WORDS,
    models=WORDS,
    people=WORDS,
    statuses=WORDS,
    bases=WORDS,
    text=st.text(),
)


@given(FILTERS, st.none() | st.integers(0), st.none() | st.just("a-token"))
def test_what_a_link_asks_for_comes_back(chosen: TraceFilter, rows: int | None, token: str | None) -> None:
    order = Order("an-id", "ada", "ledger", chosen, "Asia/Kolkata", rows, token)
    links = Links(KEY)
    assert links.read(links.token(order), "ledger") == order


def test_an_address_is_of_one_file_or_of_what_is_known_of_it() -> None:
    assert address("traces", "abc") == "/api/exports/traces.csv?token=abc"
    assert address("ledger", "abc", "/manifest") == "/api/exports/ledger.csv/manifest?token=abc"


def test_a_link_expires() -> None:
    with time_machine.travel(AT, tick=False) as clock:
        token = Links(KEY).token(an_order("traces"))
        clock.shift(VALID_SECONDS)
        assert Links(KEY).read(token, "traces").file == "traces"
        clock.shift(1)
        with pytest.raises(NotAllowed, match="expired"):
            Links(KEY).read(token, "traces")
        assert Links(KEY).read(token, "traces", seconds=VALID_SECONDS + 1).file == "traces"


@pytest.fixture
def token() -> str:
    return Links(KEY).token(an_order("traces", TraceFilter(agents=("a",))))


def test_a_token_that_is_not_ours_opens_nothing(token: str) -> None:
    made_up = ["", ".", "..", "a.b.c", "=1+1", "\0", "ü.ü.ü", "x" * 100_000]
    for wrong in (*made_up, token[:-1], f"{token}a", token.swapcase()):
        with pytest.raises(NotAllowed, match="link is not valid"):
            Links(KEY).read(wrong, "traces")


def test_a_token_changed_anywhere_opens_nothing(token: str) -> None:
    for place in range(0, len(token), 7):
        other = LETTERS[
            (LETTERS.find(token[place]) + 32) % 64
        ]  # its first bit: the last bits of a last letter say nothing
        changed = f"{token[:place]}{other}{token[place + 1 :]}"
        with pytest.raises(NotAllowed):
            Links(KEY).read(changed, "traces")


@pytest.mark.parametrize("file", ["ledger", "messages", "", "../traces"])
def test_a_token_opens_its_own_file_only(token: str, file: str) -> None:
    with pytest.raises(NotAllowed, match="link is not valid"):
        Links(KEY).read(token, file)


def test_another_key_opens_nothing(token: str) -> None:
    with pytest.raises(NotAllowed):
        Links(b"z" * 32).read(token, "traces")


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    key = signing_key(path)
    assert len(key) == 32
    assert signing_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_processes_that_start_at_once_get_one_key(tmp_path: Path) -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(signing_key(tmp_path / "signing.key"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found))) == (8, 1)
    assert len(os.listdir(tmp_path)) == 1


def test_a_key_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "signing.key").write_bytes(b"short")
    with pytest.raises(SetupError, match="too short"):
        signing_key(tmp_path / "signing.key")
    with pytest.raises(SetupError, match="cannot be used"):
        signing_key(tmp_path / "nowhere" / "signing.key")


def test_two_orders_of_one_choice_are_told_apart() -> None:
    chosen = TraceFilter(start=AT - timedelta(days=1))
    assert an_order("traces", chosen).id != an_order("traces", chosen).id
