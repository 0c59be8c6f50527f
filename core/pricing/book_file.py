"""Reads a price book from its TOML file in ``data/prices``; the first of those files explains the format."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from core.pricing.price_book import PriceBook
from core.pricing.rates import ALWAYS, FOR_EVER, PER_MILLION, ModelRates, Rates, Row, in_order
from core.units import APIECE, TOKENS, Count

FOLDER = Path(__file__).resolve().parents[2] / "data" / "prices"

Table: TypeAlias = Mapping[str, Any]


def read_price_book(name: str, *, other_vendors: bool) -> PriceBook:
    """Return the book in ``data/prices/<name>.toml``; KeyError, ValueError or decimal errors if the file is wrong."""
    with (FOLDER / f"{name}.toml").open("rb") as file:
        table = tomllib.load(file)
    sources = table["sources"]
    return PriceBook(
        name=table["name"],
        models=MappingProxyType(_models(table["models"], sources)),
        multipliers=MappingProxyType({key: _decimals(value) for key, value in table["multipliers"].items()}),
        fees=MappingProxyType(_fees(table.get("fees", {}), sources)),
        refusals=_refusals(table.get("refusals"), sources),
        other_vendors=other_vendors,
    )


def _models(models: Mapping[str, Table], sources: Mapping[str, str]) -> dict[str, ModelRates]:
    by_id: dict[str, ModelRates] = {}
    for model, entry in models.items():
        rates = ModelRates(
            rows=in_order(_row(row, sources) for row in entry["rates"]),
            inference_geo=entry.get("inference_geo", True),
            retires=_midnight(entry["retires"]) if "retires" in entry else None,
        )
        by_id |= dict.fromkeys([model, *entry.get("aliases", ())], rates)
    return by_id


def _row(entry: Table, sources: Mapping[str, str]) -> Row:
    usd = {unit.name: Decimal(entry[unit.name]).scaleb(-PER_MILLION) for unit in TOKENS if unit.name in entry}
    return Row(
        rates=_rates(usd, entry, sources),
        since=_midnight(entry["from"]) if "from" in entry else ALWAYS,
        until=_midnight(entry["until"]) if "until" in entry else FOR_EVER,
        speed=entry.get("speed", "standard"),
        prompt_over=entry.get("prompt_over", 0),
    )


def _fees(table: Mapping[str, Sequence[Table]], sources: Mapping[str, str]) -> dict[str, tuple[Row, ...]]:
    if unknown := table.keys() - {unit.name for unit in APIECE}:
        raise ValueError(f"there are fees for {', '.join(sorted(unknown))}, which nothing is counted of")
    return {unit.name: in_order(_fee(unit, entry, sources) for entry in table.get(unit.name, ())) for unit in APIECE}


def _fee(unit: Count, entry: Table, sources: Mapping[str, str]) -> Row:
    return Row(rates=_rates({unit.name: Decimal(entry["usd"])}, entry, sources), since=_midnight(entry["from"]))


def _refusals(entry: Table | None, sources: Mapping[str, str]) -> Row | None:
    if entry is None:
        return None
    return Row(rates=_rates({}, entry, sources), since=_midnight(entry["from"]))


def _rates(usd: Mapping[str, Decimal], entry: Table, sources: Mapping[str, str]) -> Rates:
    since = _midnight(entry["from"]) if "from" in entry else None
    return Rates(MappingProxyType(usd), sources[entry["source"]], since)


def _decimals(table: Mapping[str, str]) -> Mapping[str, Decimal]:
    return MappingProxyType({key: Decimal(value) for key, value in table.items()})


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
