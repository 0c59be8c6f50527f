"""Cases from public bug reports: what comes over the wire, folded and priced, costs what is right."""

import json
from datetime import datetime
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from core.money import nanos_from_usd
from core.pricing import price_usage
from core.usage import fold_usage

FILE = Path(__file__).resolve().parents[2] / "golden" / "public_cases.json"
CASES = [case for case in json.loads(FILE.read_text()) if case["where"].startswith("core.pricing")]


def _folded(given: dict[str, Any]) -> dict[str, Any]:
    started: dict[str, Any] = given.get("usage") or given["start"]
    return reduce(fold_usage, given.get("deltas", ()), started)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_a_public_case_costs_what_is_right(case: dict[str, Any]) -> None:
    given = case["input"]
    right, _, more = case["right"].partition(" ")
    priced = price_usage(
        given["model"],
        _folded(given),
        datetime.fromisoformat(given["at"]),
        stop_reason=given.get("stop_reason", "end_turn"),
        content_blocks=given.get("content_blocks", 1),
    )
    assert priced.total == nanos_from_usd(Decimal(right.rstrip(",")))
    if "remark" in more or "flagged" in more:
        assert priced.reason


def test_there_are_public_cases() -> None:
    assert len(CASES) > 8
