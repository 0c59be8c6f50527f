"""Orders written into a message."""

import re

import pytest

from core.provider.simulator import __doc__ as manual
from core.provider.simulator.directives import DIRECTIVES, HTTP_FAULTS, WIRE_FAULTS, Fault, Orders, read_orders


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("What is [[tea]]? A [[wiki: link]] and [[fault: unheard of]]", Orders()),
        (
            "[[tokens: 3000]] [[pace: 0]] [[first: 0.2]] [[rate: 100]]",
            Orders(tokens=3_000, pace=0, first=0.2, rate=100),
        ),
        ("[[say: Hello, world: 1]]", Orders(say="Hello, world: 1")),
        ("[[code]]", Orders(shape="code")),
        ("[[think]] [[deltas: 3]]", Orders(think=60, deltas=3)),
        ("[[think: 200]] [[stop: pause_turn]]", Orders(think=200, stop="pause_turn")),
        ("[[refusal]]", Orders(refusal=0)),
        ("[[refusal after 20]]", Orders(refusal=20)),
        ("[[geo: us]] [[speed: fast]]", Orders(usage={"inference_geo": "us", "speed": "fast"})),
        ("[[fault: overloaded]]", Orders(fault=Fault("overloaded"))),
        ("[[fault: rate_limit 2 times, retry 7]]", Orders(fault=Fault("rate_limit", times=2, retry_after=7))),
        ("[[cut after 20]]", Orders(fault=Fault("cut", after=20))),
        ("[[fault: overloaded after 3 1 time]]", Orders(fault=Fault("overloaded", after=3, times=1))),
    ],
)
def test_orders_are_read_and_ordinary_writing_is_left_alone(text: str, orders: Orders) -> None:
    assert read_orders(text) == orders


@pytest.mark.parametrize("text", ["[[tokens: many]]", "[[rate: nan]]", "[[pace: -1]]", "[[first: inf]]", "[[tokens:]]"])
def test_an_amount_that_is_none_orders_nothing(text: str) -> None:
    assert read_orders(text) == Orders()


def test_every_documented_directive_is_understood() -> None:
    examples = [example for pattern, _ in DIRECTIVES for example in re.findall(r"\[\[.*?\]\]", pattern)]
    assert len(examples) > 20
    assert [example for example in examples if read_orders(example) == Orders()] == []


def test_the_manual_names_every_fault() -> None:
    assert manual is not None
    assert [name for name in (*HTTP_FAULTS, *WIRE_FAULTS) if name not in manual] == []
