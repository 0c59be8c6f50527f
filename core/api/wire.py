"""How bodies are written: JSON with camelCase names, times with their zone, money exact and never as a float."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from core.money import Nanos, exact_usd


class Wire(BaseModel):
    """A body or a part of one, filled from an object that has its fields."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, from_attributes=True
    )


class Money(Wire):
    """An amount, both ways exact."""

    nanos: int = Field(description="Whole nano-dollars: 10^-9 US dollars.", examples=[7117500])
    usd: str = Field(description="The same in US dollars, with nine decimals.", examples=["0.007117500"])


def money(nanos: Nanos | None) -> Money | None:
    """None stays unknown."""
    return None if nanos is None else Money(nanos=nanos, usd=exact_usd(nanos))
