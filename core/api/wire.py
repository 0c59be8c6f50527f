"""How bodies are written: JSON with camelCase names, times with their zone, money exact and never as a float."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator
from pydantic.alias_generators import to_camel

from core.errors import InputError
from core.money import Nanos, exact_usd
from core.store.text import storable, whole_characters
from core.units import COUNTS, Usage

T = TypeVar("T")


def whole_texts(value: Any) -> Any:
    """Return the value of a field, if all its texts can be kept and sent on as they are. Raises ValueError."""
    match value:
        case str():
            try:
                whole_characters(value, "The text")
            except InputError as error:
                raise ValueError(error.for_user) from None
        case Mapping():
            whole_texts([*value.keys(), *value.values()])
        case Sequence() if not isinstance(value, bytes):
            for part in value:
                whole_texts(part)
    return value


class Wire(BaseModel):
    """A body or a part of one, filled from an object that has its fields."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, from_attributes=True)


class Given(Wire):
    """A body that somebody sends: what it does not know is a mistake of the sender's."""

    model_config = ConfigDict(extra="forbid", validate_by_name=False, validate_by_alias=True)

    whole = field_validator("*", mode="before")(whole_texts)


class Data(Wire, Generic[T]):
    data: T


class Page(Data[list[T]], Generic[T]):
    """``next`` is what to give as ``after`` for the next page; null if this is the last one."""

    next: str | None


class Money(Wire):
    """An amount, both ways exact."""

    nanos: int = Field(description="Whole nano-dollars: 10^-9 US dollars.", examples=[7117500])
    usd: str = Field(description="The same in US dollars, with nine decimals.", examples=["0.007117500"])


def with_fields(name: str, base: type[Wire], fields: Mapping[str, str | None], doc: str | None = None) -> type[Wire]:
    """Make a model that has a whole number more for each name; what is given with it describes it."""
    numbers = {field: (int, Field(alias=_camel(field), description=words)) for field, words in fields.items()}
    return create_model(name, __base__=base, __doc__=doc, __module__=base.__module__, **numbers)  # type: ignore[call-overload, no-any-return]


def _camel(name: str) -> str:
    """Write the name without a mark before a digit: ``cacheWrite5m``."""
    first, *more = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in more)


if TYPE_CHECKING:

    class Tokens(Wire):
        """All that is counted of a call, as core/units.py lists it."""

else:
    _TOKENS = "Every token in exactly one bucket; ``thinking`` is a part of ``output``."
    Tokens = with_fields("Tokens", Wire, {count.field: count.meaning for count in COUNTS}, _TOKENS)


def money(nanos: Nanos | None) -> Money | None:
    """Make money of nano-dollars; None stays unknown."""
    return None if nanos is None else exactly(nanos)


def exactly(nanos: Nanos) -> Money:
    return Money(nanos=nanos, usd=exact_usd(nanos))


def tokens(usage: Usage) -> Tokens:
    return Tokens.model_validate(usage)


def sendable(value: Any) -> Any:
    """JSON without half characters, which what models and people wrote may hold and no encoding takes."""
    match value:
        case str():
            return storable(value)
        case Mapping():
            return {storable(name): sendable(part) for name, part in value.items()}
        case Sequence():
            return [sendable(part) for part in value]
        case _:
            return value
