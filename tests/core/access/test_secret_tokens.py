"""Secrets: long, of one kind, and known only whole."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.access.secret_tokens import Kind, digest, new_secret

KINDS: tuple[Kind, ...] = ("session", "token", "link")


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_has_256_bits_and_is_known_by_the_hash_of_the_whole(kind: Kind) -> None:
    made = {new_secret(kind) for _ in range(100)}
    assert len(made) == 100
    assert {len(secret) for secret in made} == {47}
    secret = made.pop()
    assert digest(kind, secret) == sha256(secret.encode()).hexdigest()


def test_a_secret_of_one_kind_is_none_of_another() -> None:
    assert [digest(kind, new_secret("link")) != "" for kind in KINDS] == [False, False, True]


@given(st.text(max_size=60) | st.text(max_size=60).map("cct_".__add__))
def test_what_is_no_secret_is_known_by_nothing(text: str) -> None:
    assert digest("token", text) == ""


@pytest.mark.parametrize("end", ["\n", "\0", "é", " ", "A"])
def test_nothing_may_stand_behind_it(end: str) -> None:
    assert digest("token", new_secret("token") + end) == ""


@given(st.integers(4, 46), st.sampled_from("AZaz09-_"))
def test_one_other_character_makes_another_digest(place: int, letter: str) -> None:
    secret = new_secret("token")
    other = secret[:place] + letter + secret[place + 1 :]
    assert (digest("token", other) == digest("token", secret)) == (other == secret)
