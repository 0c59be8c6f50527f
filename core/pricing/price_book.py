"""A price book: dated rates as data, and the one call that prices a reply by them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.money import Nanos, nanos_from_usd
from core.pricing.call import Call
from core.pricing.not_billed import why_not_billed
from core.pricing.other_vendors import vendor_rates
from core.pricing.priced import NoPrice, Priced, PricedLine
from core.pricing.rates import ModelRates, RateCard, Rates, Row, find_row, rate_card
from core.units import APIECE, UNITS, Count
from core.usage import Iteration, Reading, Usage, UsageJson, as_reported, read_usage

STANDARD = "standard"
FREE = Decimal(0)
_ROUNDED = 2
"""Nano-dollars that a prompt may cost more in three lines than in one, each rounded by itself."""
UNCHANGED = Decimal(1)

_GATEWAY = re.compile(
    r"(?:.*[/:]|databricks-)?(?:(?:us|us-gov|eu|apac|jp|au|ca|global)\.)?(?:anthropic\.)?(?P<name>claude-[a-z0-9.-]+?)"
    r"(?:@(?:(?P<date>[0-9]{8})|latest|default))?(?:-v[0-9]+(?::[0-9]+)?(?::[0-9]+k)?)?(?:\[1m\])?"
)
_VERSION_FIRST = re.compile(r"claude-([0-9]+-[0-9]+)-(opus|sonnet|haiku)(?=$|-[0-9]{8})")
_DATE = re.compile(r"-(?:20[0-9]{6}|latest)$")


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Immutable once read; every method is pure.

    ``models`` are by id and alias, ``multipliers`` by the usage field they are for and its value, ``fees`` are
    by unit, ``refusals`` tells since when what was refused before any output is free (None: never), and
    ``other_vendors`` whether models that are not Anthropic's are looked up in genai-prices.
    """

    name: str
    models: Mapping[str, ModelRates]
    multipliers: Mapping[str, Mapping[str, Decimal]]
    fees: Mapping[str, Sequence[Row]]
    refusals: Row | None
    other_vendors: bool

    def price_usage(
        self,
        model: str,
        usage: UsageJson,
        at: datetime,
        *,
        stop_reason: str | None = None,
        content_blocks: int | None = None,
    ) -> Priced:
        """Price a reply from the provider's ``usage`` by the prices in effect when it was asked for (naive is UTC).

        ``model`` is the one that answered. A number of content blocks without a stop reason is a reply that was not
        seen to end: its cost is an estimate, and so is that of usage of which a field makes no sense. Usage without any
        count that makes sense, or without a known price, is unpriced, not raised.
        """
        reading = read_usage(usage)
        if not reading.counted:
            why = "; ".join(reading.remarks) or "the reply reports no token counts"
            return Priced(None, (), "unpriced", f"the usage cannot be priced: {why}")
        call = Call(self._named(model), usage, _aware(at), stop_reason, content_blocks)
        try:
            return self._priced(call, reading, f"answered as {model}" if call.model != model else None)
        except NoPrice as problem:
            reason = "; ".join((str(problem), *reading.remarks))
            return Priced(None, tuple(_unpriced_lines(model, reading.iterations)), "unpriced", reason)

    def max_cost(self, model: str, prompt: int, output: int, at: datetime, **apiece: int) -> Nanos | None:
        """Return the most that a call with no more tokens may cost, by all that may decide without our asking.

        The prompt may be new to the cache, and a workspace may run all of it in the dearest region. ``apiece`` is how
        much it may have of what is billed by the piece, by the names of ``Usage``.
        """
        terms: dict[str, Any] = {"output_tokens": output, **as_reported(Usage(**apiece), APIECE)}
        if self._named(model) in self.models:
            terms |= {field: max(of, key=of.__getitem__) for field, of in self.multipliers.items() if of}
        read = self.price_usage(model, {"input_tokens": prompt, **terms}, at).total
        cached = {"input_tokens": 0, "cache_creation_input_tokens": prompt, **terms}
        written = self.price_usage(model, cached, at).total
        return None if read is None else max(read, written or 0) + _ROUNDED

    def rate_card(self, model: str, at: datetime) -> RateCard | None:
        """Return the model's list price at standard speed, or None if none is known."""
        model = self._named(model)
        try:
            rates = self._rates(model, _aware(at))
        except NoPrice:
            return None
        rows = self.models[model].rows if model in self.models else ()
        longer = next((row for row in rows if row.prompt_over and row.holds(_aware(at), STANDARD)), None)
        above = rate_card(model, longer.rates, prompt_over=longer.prompt_over) if longer else None
        return rate_card(model, rates, long_prompts=above)

    def _named(self, model: str) -> str:
        """Return the model of this book that a gateway's id names; the id itself if it names none."""
        if model in self.models:
            return model
        return next((name for name in names_in(model) if name in self.models), model)

    def _priced(self, call: Call, reading: Reading, renamed: str | None) -> Priced:
        iterations = reading.iterations
        free = self._why_free(call, iterations)
        lines: list[PricedLine] = []
        for iteration, reason in zip(iterations, free, strict=True):
            lines += self._lines(call, iteration) if reason is None else self._free_lines(call, iteration)
        total = sum(line.amount for line in lines if line.amount is not None)  # none is: that raised NoPrice
        remarks = [
            *filter(None, free),
            *call.remarks(self.models.get(call.model), iterations[0].usage.prompt),
            *([f"{renamed}, priced as {call.model}"] if renamed else []),
            *reading.remarks,
        ]
        certain = reading.certain and not call.unfinished
        return Priced(total, tuple(lines), "computed" if certain else "estimated", "; ".join(remarks) or None)

    def _lines(self, call: Call, iteration: Iteration) -> Iterator[PricedLine]:
        model = self._named(iteration.model or call.model)
        token_rates = self._rates(model, call.at, self._speed(call, model), iteration.usage.prompt)
        factor = self._factor(call, model)
        for unit, quantity in _quantities(iteration.usage):
            rates = token_rates if unit.is_tokens else self._fee(unit, model, call.at, token_rates)
            usd = rates.of(unit.name, model) * (factor if unit.is_tokens else UNCHANGED)
            amount, plain = nanos_from_usd(usd * quantity), None
            if unit.cached:
                plain = nanos_from_usd(rates.of("input", model) * factor * quantity)
            yield PricedLine(unit.name, quantity, usd, amount, model, rates.source, rates.since, plain)

    def _why_free(self, call: Call, iterations: Sequence[Iteration]) -> list[str | None]:
        if self.refusals is None or call.at < self.refusals.since or call.model not in self.models:
            return [None] * len(iterations)
        return why_not_billed(iterations, refused=call.stop_reason == "refusal", silent=not call.content_blocks)

    def _free_lines(self, call: Call, iteration: Iteration) -> Iterator[PricedLine]:
        assert self.refusals is not None
        rates, model = self.refusals.rates, self._named(iteration.model or call.model)
        for unit, quantity in _quantities(iteration.usage):
            yield PricedLine(unit.name, quantity, FREE, 0, model, rates.source, rates.since)

    def _rates(self, model: str, at: datetime, speed: str = STANDARD, prompt: int = 0) -> Rates:
        if model in self.models:
            row = find_row(self.models[model].rows, at, speed, prompt)
            if row is None:
                raise NoPrice(f"{model} has no price at {speed} speed on {at:%Y-%m-%d}")
            return row.rates
        if self.other_vendors and "claude" not in model.lower():
            return vendor_rates(model, at, prompt)
        raise NoPrice(f"no price is known for the model {model!r}")

    def _fee(self, unit: Count, model: str, at: datetime, vendor: Rates) -> Rates:
        if model not in self.models:
            return vendor
        row = find_row(self.fees.get(unit.name, ()), at)
        if row is None:
            raise NoPrice(f"{unit.label.lower()} have no price on {at:%Y-%m-%d}")
        return row.rates

    def _speed(self, call: Call, model: str) -> str:
        speed = call.term("speed")
        if speed is None or speed == STANDARD:
            return STANDARD
        if call.term("service_tier") == "batch":
            raise NoPrice(f"no price is known for {speed} speed in a batch")
        if model != call.model:
            raise NoPrice(f"the reply does not say whether {model} ran at {speed} speed too")
        return speed

    def _factor(self, call: Call, model: str) -> Decimal:
        tier, geo = (self._multiplier(call, field) for field in ("service_tier", "inference_geo"))
        if model not in self.models:
            return self._other_vendors_factor(call, model, tier * geo)
        return tier * geo if self.models[model].inference_geo else tier

    def _other_vendors_factor(self, call: Call, model: str, factor: Decimal) -> Decimal:
        if factor != UNCHANGED or self._speed(call, model) != STANDARD:
            raise NoPrice(f"{model} is only priced at standard terms")
        if "input_tokens_details" in call.usage:
            raise NoPrice(f"the usage of {model} is not in the Messages API's form, which counts cached tokens apart")
        return UNCHANGED

    def _multiplier(self, call: Call, field: str) -> Decimal:
        value = call.term(field)
        if value is None:
            return UNCHANGED
        if value not in self.multipliers[field]:
            raise NoPrice(f"no price is known for {field} {value!r}")
        return self.multipliers[field][value]


def names_in(model: str) -> Iterator[str]:
    """Return what an id may name: ``us.anthropic.claude-sonnet-4-5-20250929-v1:0``, ``anthropic/claude-opus-4.5``."""
    found = _GATEWAY.fullmatch(model.strip().lower())
    if found is None:
        return
    name = found["name"].replace(".", "-")
    name = _VERSION_FIRST.sub(r"claude-\2-\1", name)
    if found["date"]:
        yield f"{name}-{found['date']}"
    yield name
    yield _DATE.sub("", name)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _quantities(usage: Usage) -> Iterator[tuple[Count, int]]:
    return ((unit, quantity) for unit in UNITS if (quantity := usage.of(unit)))


def _unpriced_lines(model: str, iterations: Sequence[Iteration]) -> Iterator[PricedLine]:
    for iteration in iterations:
        for unit, quantity in _quantities(iteration.usage):
            yield PricedLine(unit.name, quantity, None, None, iteration.model or model, None, None)
