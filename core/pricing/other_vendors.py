"""Rates of models that are not Anthropic's, from the genai-prices package."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.pricing.priced import NoPrice, Unit
from core.pricing.rates import PER_MILLION, Rates

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices

# Where a vendor has no price of its own for a bucket, those tokens are billed as the next wider one.
_PRICE_KEYS: Mapping[Unit, tuple[str, ...]] = {
    "input": ("input_mtok",),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "output": ("output_mtok",),
    "web_search": ("web_searches_kcount",),
}


def vendor_rates(model: str, at: datetime, prompt: int) -> Rates:
    """The rates at a time for a prompt of that many tokens; raises NoPrice for models the package does not know."""
    # Imported only when such a model turns up: it takes half a second.
    from genai_prices import Usage, __version__, calc_price

    source = f"genai-prices {__version__}"
    try:
        found = calc_price(Usage(), model, genai_request_timestamp=at)
    except LookupError:
        raise NoPrice(f"no price is known for the model {model!r}") from None
    prices = {unit: _first(found.model_price, keys) for unit, keys in _PRICE_KEYS.items()}
    usd = {unit: _for_one(unit, _at_length(price, prompt)) for unit, price in prices.items() if price is not None}
    return Rates(usd, source, None)


def _first(prices: "ModelPrice", keys: tuple[str, ...]) -> "Decimal | TieredPrices | None":
    known = (getattr(prices, key) for key in keys)
    return next((price for price in known if price is not None), None)


def _at_length(price: "Decimal | TieredPrices", prompt: int) -> Decimal:
    """Every token has the price of the highest tier that the prompt's length exceeds."""
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if prompt > tier.start]
    return reached[-1] if reached else price.base


def _for_one(unit: Unit, price: Decimal) -> Decimal:
    """Searches are priced by the thousand, tokens by the million."""
    return price.scaleb(-3 if unit == "web_search" else -PER_MILLION)
