"""Rates of models that are not Anthropic's, from the genai-prices package."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.pricing.priced import NoPrice
from core.pricing.rates import PER_MILLION, Rates
from core.units import UNITS

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices

# Where a vendor has no price of its own for a unit, it is billed as the next wider one: its keys are in that order.
_SCALES: Mapping[str, int] = {"_mtok": -PER_MILLION, "_kcount": -3}
"""For how many a price is, by the end of its key: a million tokens, or a thousand."""


def vendor_rates(model: str, at: datetime, prompt: int) -> Rates:
    """Return the rates at a time for a prompt of so many tokens; raises NoPrice for models the package lacks."""
    # Imported only when such a model turns up: it takes half a second.
    from genai_prices import Usage, __version__, calc_price

    source = f"genai-prices {__version__}"
    try:
        found = calc_price(Usage(), model, genai_request_timestamp=at)
    except LookupError:
        raise NoPrice(f"no price is known for the model {model!r}") from None
    prices = {unit.name: _first(found.model_price, unit.vendor_prices) for unit in UNITS}
    usd = {unit: _for_one(price, prompt) for unit, price in prices.items() if price is not None}
    return Rates(usd, source, None)


def _first(prices: "ModelPrice", keys: tuple[str, ...]) -> "tuple[Decimal | TieredPrices, str] | None":
    """Return the price and the key it stands under."""
    known = ((getattr(prices, key), key) for key in keys)
    return next(((price, key) for price, key in known if price is not None), None)


def _for_one(found: "tuple[Decimal | TieredPrices, str]", prompt: int) -> Decimal:
    price, key = found
    [scale] = [scale for end, scale in _SCALES.items() if key.endswith(end)]
    return _at_length(price, prompt).scaleb(scale)


def _at_length(price: "Decimal | TieredPrices", prompt: int) -> Decimal:
    """Return the price of the highest tier that the prompt's length exceeds; every token has it."""
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if prompt > tier.start]
    return reached[-1] if reached else price.base
