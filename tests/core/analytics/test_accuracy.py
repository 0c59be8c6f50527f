"""Estimates are compared with the finished replies of the installation, whose text and count are both known."""

from datetime import timedelta

import pytest

from core.analytics.accuracy import Accuracy, Compared, by_model_and_script, compare, summed_up
from core.analytics.costs import Costs
from core.estimates import estimate
from core.pricing.__main__ import report
from core.store.database import Store
from tests.core.books.histories import AT, MODEL, a_call, a_finish, a_reply, an_end
from tests.core.books.in_store import finished, opened
from tests.core.rows import Rows

ENGLISH, CHINESE = "The weather is lovely today. " * 10, "今天的天气很好。" * 20


def _turn(store: Store, ids: tuple[str, str], number: int, text: str, counted: int, *, ended: bool = True) -> None:
    opening = opened(store, ids, at=AT + timedelta(minutes=number))
    usage = {"input_tokens": 10, "output_tokens": counted}
    reply = a_reply(text, usage, stop_reason="end_turn" if ended else None)
    status = "completed" if ended else "stopped"
    finish = a_finish(opening, an_end(a_call(opening, reply=reply), status), status, reply)  # type: ignore[arg-type]
    assert finished(store, finish)


def test_a6_finished_replies_are_compared_by_model_and_script_and_cut_ones_are_not(store: Store) -> None:
    rows = Rows(store)
    person = rows.person("Ada")
    ids = person, rows.agent(person, "Helper")
    assert list(report(store)) == ["There are no finished replies yet to compare estimates with."]
    guess = {text: estimate(text, MODEL) for text in (ENGLISH, CHINESE)}
    for number in range(12):
        _turn(store, ids, number, ENGLISH, guess[ENGLISH].central * (2 if number == 11 else 1))
        _turn(store, ids, 100 + number, CHINESE, guess[CHINESE].upper + 1)
    _turn(store, ids, 300, ENGLISH, 4, ended=False)
    with store.read() as connection:
        groups = by_model_and_script(compare(connection))
        newest = list(compare(connection, newest=2))
    assert [(model, script) for model, script, _ in groups] == [(MODEL, "chinese"), (MODEL, "latin")]
    chinese, english = groups.values()
    assert (english.replies, english.over) == (12, 1)
    assert english.ratio == pytest.approx(12 / 13)
    assert (chinese.replies, chinese.over) == (12, 12)
    assert len(newest) <= 2
    headings, *lines = report(store)
    assert headings.split()[:3] == ["model", "script", "replies"]
    assert [line.split()[0] for line in lines] == [MODEL, MODEL]
    accuracy = Costs(store).accuracy()
    assert accuracy is not None
    assert accuracy.replies == 24


def test_a6_fewer_than_ten_replies_do_not_tell_how_far_off_estimates_are() -> None:
    one = Compared(MODEL, "latin", simulated=False, true=100, central=90, upper=150)
    assert summed_up([]) is None
    assert summed_up([one]) == Accuracy(1, 0.9, None, 0)
    ten = summed_up([one] * 10)
    assert ten is not None
    assert (ten.replies, ten.ratio) == (10, 0.9)
    assert ten.off == pytest.approx(0.1)
