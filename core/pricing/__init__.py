"""What a reply cost: dated price books, and one pure call that prices a reply by them."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Literal

from core.pricing.book_file import read_price_book
from core.pricing.price_book import PriceBook
from core.pricing.priced import Priced, PricedLine
from core.pricing.rates import RateCard

__all__ = ["PriceBook", "Priced", "PricedLine", "RateCard", "price_book", "price_usage", "rate_card"]


@cache
def price_book(name: Literal["anthropic", "original"] = "anthropic") -> PriceBook:
    """Return the true, dated prices, or the flat rates of the first system; read once."""
    return read_price_book(name, other_vendors=name == "anthropic")


def price_usage(
    model: str,
    usage: Mapping[str, Any],
    at: datetime,
    *,
    stop_reason: str | None = None,
    content_blocks: int | None = None,
) -> Priced:
    """Price a reply by the true prices; see ``PriceBook.price_usage``."""
    book = price_book("anthropic")
    return book.price_usage(model, usage, at, stop_reason=stop_reason, content_blocks=content_blocks)


def rate_card(model: str, at: datetime) -> RateCard | None:
    """Return a model's true list price at a time; see ``PriceBook.rate_card``."""
    return price_book("anthropic").rate_card(model, at)
