"""The golden cases hold to the nano-dollar."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.pricing import Priced, price_usage

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def _cases(name: str) -> list[Any]:
    cases = json.loads((GOLDEN / name).read_text("utf-8"))
    return [pytest.param(case, id=case["id"]) for case in cases]


def _price(case: dict[str, Any]) -> Priced:
    return price_usage(
        case["model"],
        case["usage"],
        datetime.fromisoformat(case["at"]),
        stop_reason=case.get("stop_reason"),
        content_blocks=case.get("content_blocks"),
    )


@pytest.mark.parametrize("case", _cases("costs.json") + _cases("costs_beyond_usage.json"))
def test_the_golden_case_costs_what_it_should(case: dict[str, Any]) -> None:
    priced = _price(case)
    expected = case["expected_usd"]
    assert priced.total == (None if expected is None else Decimal(expected) * 10**9)
    assert (priced.basis == "unpriced") == (expected is None)
    assert (priced.basis == "estimated") == case.get("lower_bound", False)


@pytest.mark.parametrize("case", _cases("costs.json"))
def test_a_golden_case_without_a_price_still_tells_its_tokens(case: dict[str, Any]) -> None:
    priced = _price(case)
    usage = case["usage"]
    tokens = usage["input_tokens"] + usage["output_tokens"]
    tokens += usage.get("cache_creation_input_tokens", 0) + usage.get("cache_read_input_tokens", 0)
    assert sum(line.quantity for line in priced.lines if line.unit != "web_search") == tokens
