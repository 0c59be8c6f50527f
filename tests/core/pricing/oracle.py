"""The price page as a second person would write it down, in fractions: nothing here comes from the product."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

UNITS = ("input", "cache_write_5m", "cache_write_1h", "cache_read", "output")

# model ids | from | until | speed | prompt over | input, 5m write, 1h write, read, output
TABLE = """
claude-fable-5-2 claude-mythos-5-2 | 2026-11-09 | | standard | 0 | 8 10 16 0.2 40
claude-fable-5-2 claude-mythos-5-2 | 2026-11-09 | | fast | 0 | 16 20 32 0.4 80
claude-fable-5-1 claude-mythos-5-1 | 2026-09-01 | | standard | 0 | 10 12.5 20 0.25 50
claude-fable-5 claude-mythos-5 | 2026-06-09 | | standard | 0 | 10 12.5 20 1 50
claude-opus-5-5 | 2026-09-22 | | standard | 0 | 4 5 8 0.2 20
claude-opus-5-5 | 2026-09-22 | | fast | 0 | 8 10 16 0.4 40
claude-opus-5 | 2026-07-24 | | standard | 0 | 5 6.25 10 0.5 25
claude-opus-5 | 2026-07-24 | | fast | 0 | 10 12.5 20 1 50
claude-opus-4-8 | 2026-05-28 | | standard | 0 | 5 6.25 10 0.5 25
claude-opus-4-8 | 2026-05-28 | 2026-11-30 | fast | 0 | 10 12.5 20 1 50
claude-opus-4-7 | 2026-04-16 | | standard | 0 | 5 6.25 10 0.5 25
claude-opus-4-7 | 2026-05-12 | 2026-07-24 | fast | 0 | 30 37.5 60 3 150
claude-opus-4-6 | 2026-02-05 | | standard | 0 | 5 6.25 10 0.5 25
claude-opus-4-6 | 2026-02-05 | 2026-03-13 | standard | 200000 | 10 12.5 20 1 37.5
claude-opus-4-6 | 2026-02-07 | 2026-06-29 | fast | 0 | 30 37.5 60 3 150
claude-opus-4-6 | 2026-02-07 | 2026-02-21 | fast | 200000 | 60 75 120 6 225
claude-opus-4-5 claude-opus-4-5-20251101 | 2025-11-24 | | standard | 0 | 5 6.25 10 0.5 25
claude-opus-4-1 claude-opus-4-1-20250805 | 2025-08-05 | | standard | 0 | 15 18.75 30 1.5 75
claude-opus-4-0 claude-opus-4-20250514 | 2025-05-22 | | standard | 0 | 15 18.75 30 1.5 75
claude-sonnet-5-5 | 2026-09-28 | 2026-10-07 | standard | 0 | 2 2.5 4 0.2 10
claude-sonnet-5-5 | 2026-10-07 | | standard | 0 | 2 2.5 4 0.1 10
claude-sonnet-5 | 2026-06-30 | | standard | 0 | 2 2.5 4 0.2 10
claude-sonnet-4-6 | 2026-02-17 | | standard | 0 | 3 3.75 6 0.3 15
claude-sonnet-4-6 | 2026-02-17 | 2026-03-13 | standard | 200000 | 6 7.5 12 0.6 22.5
claude-sonnet-4-5 claude-sonnet-4-5-20250929 | 2025-09-29 | | standard | 0 | 3 3.75 6 0.3 15
claude-sonnet-4-5 claude-sonnet-4-5-20250929 | 2025-09-29 | 2026-04-30 | standard | 200000 | 6 7.5 12 0.6 22.5
claude-sonnet-4-0 claude-sonnet-4-20250514 | 2025-05-22 | | standard | 0 | 3 3.75 6 0.3 15
claude-sonnet-4-0 claude-sonnet-4-20250514 | 2025-08-12 | 2026-04-30 | standard | 200000 | 6 7.5 12 0.6 22.5
claude-3-7-sonnet-20250219 claude-3-7-sonnet-latest | 2025-02-24 | | standard | 0 | 3 3.75 6 0.3 15
claude-haiku-5-5 | 2026-10-07 | | standard | 0 | 0.1 0.125 0.2 0.01 0.5
claude-haiku-5-5 | 2026-10-07 | | standard | 100000 | 0.5 0.625 1 0.05 2.5
claude-haiku-4-5 claude-haiku-4-5-20251001 | 2025-10-15 | | standard | 0 | 1 1.25 2 0.1 5
claude-3-5-haiku-20241022 claude-3-5-haiku-latest | 2024-11-04 | | standard | 0 | 0.8 1 1.6 0.08 4
claude-3-haiku-20240307 | 2024-03-07 | | standard | 0 | 0.25 0.3 0.5 0.03 1.25
"""

NO_REGIONS = ("4-5", "4-1", "4-0", "20250514", "claude-3")


@dataclass(frozen=True)
class TruePrice:
    models: tuple[str, ...]
    since: datetime
    until: datetime
    speed: str
    over: int
    per_million: Mapping[str, Fraction]


def _day(text: str, otherwise: datetime) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else otherwise


def _read(line: str) -> TruePrice:
    models, since, until, speed, over, rates = (cell.strip() for cell in line.split("|"))
    return TruePrice(
        models=tuple(models.split()),
        since=_day(since, datetime.min.replace(tzinfo=UTC)),
        until=_day(until, datetime.max.replace(tzinfo=UTC)),
        speed=speed,
        over=int(over),
        per_million=dict(zip(UNITS, map(Fraction, rates.split()), strict=True)),
    )


PRICES = [_read(line) for line in TABLE.strip().splitlines()]
MODELS = sorted({model for price in PRICES for model in price.models})


def buckets(usage: Mapping[str, Any]) -> dict[str, int]:
    split = usage.get("cache_creation") or {}
    hour = split.get("ephemeral_1h_input_tokens", 0)
    return {
        "input": usage["input_tokens"],
        "cache_write_5m": usage.get("cache_creation_input_tokens", 0) - hour,
        "cache_write_1h": hour,
        "cache_read": usage.get("cache_read_input_tokens", 0),
        "output": usage["output_tokens"],
    }


def rates(model: str, at: datetime, speed: str, prompt: int) -> Mapping[str, Fraction] | None:
    fits = [
        price
        for price in PRICES
        if model in price.models and price.since <= at < price.until and price.speed == speed
        if price.over == 0 or prompt > price.over
    ]
    return max(fits, key=lambda price: price.over).per_million if fits else None


def dollars(model: str, usage: Mapping[str, Any], at: datetime) -> Fraction | None:
    """The exact cost, or None where no price is published."""
    quantities = buckets(usage)
    prompt = sum(quantities.values()) - quantities["output"]
    speed = usage.get("speed") or "standard"
    found = rates(model, at, speed, prompt)
    if found is None or (speed == "fast" and usage.get("service_tier") == "batch"):
        return None
    factor = Fraction(1, 2) if usage.get("service_tier") == "batch" else Fraction(1)
    if usage.get("inference_geo") == "us" and not any(old in model for old in NO_REGIONS):
        factor *= Fraction(11, 10)
    searches = (usage.get("server_tool_use") or {}).get("web_search_requests", 0)
    if searches and at < _day("2025-05-07", at):
        return None
    tokens = sum(quantity * found[unit] for unit, quantity in quantities.items())
    return factor * tokens / 1_000_000 + Fraction(searches, 100)
