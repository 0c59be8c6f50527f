"""The billed units: one table, from which prices, books, sums, files, pages and documents take what they need.

A new unit is a field more in ``Usage``, as its last one, and a migration that calls ``add_count`` with its column.
It has no price until the price book has one, and is unknown, not free, until then.
"""

from collections.abc import Iterable
from dataclasses import Field, dataclass, field, fields
from operator import add, attrgetter
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["prompt", "output", "part", "apiece"]
"""``prompt`` and ``output``: tokens that were read or written, each counted once. ``part``: tokens that another count
holds already, so that they are not billed again. ``apiece``: no tokens, billed one by one by a fee."""


@dataclass(frozen=True, slots=True)
class Count:
    """Describes one field of ``Usage``; all but a ``part`` are billed units.

    ``name`` stands in price books and ledger lines, ``label`` on pages, ``meaning`` in files and documents.
    ``reported`` is its key in the provider's usage, behind the key of the part it is in, if it is in one. ``summed`` is
    the measure that the tables of sums add it to, if not one of its own; None: they leave it out. ``vendor_prices`` are
    keys of genai-prices: the first that a model has a price for counts. ``cached`` tokens are compared with plain
    input. ``part_of`` is the field that holds a part.
    """

    field: str
    name: str
    kind: Kind
    label: str
    meaning: str
    reported: tuple[str, ...]
    summed: str | None = ""
    vendor_prices: tuple[str, ...] = ()
    cached: bool = False
    part_of: str = ""

    @property
    def is_tokens(self) -> bool:
        """Whether it is counted in tokens, which are priced by the million, with every multiplier."""
        return self.kind != "apiece"

    @property
    def column(self) -> str:
        """Its column in tables and files."""
        return f"{self.field}_tokens" if self.is_tokens else self.field

    @property
    def measure(self) -> str | None:
        """What the tables of sums add it to."""
        return None if self.summed is None or self.kind == "part" else self.summed or self.column


def _count(kind: Kind, label: str, meaning: str, *reported: str, **more: Any) -> Any:
    return field(default=0, metadata={"kind": kind, "label": label, "meaning": meaning, "reported": reported} | more)


@dataclass(frozen=True, slots=True)
class Usage:
    """Every token in exactly one bucket; ``thinking`` is a part of ``output``.

    The fields are the table of billed units. Their order is that of ledger lines and columns: add at the end only.
    """

    input: int = _count(
        "prompt",
        "Input, not cached",
        "Input tokens neither written to nor read from the cache.",
        "input_tokens",
        vendor_prices=("input_mtok",),
    )
    cache_write_5m: int = _count(
        "prompt",
        "Cache write, 5 min",
        "Tokens written to the cache for 5 minutes.",
        *("cache_creation", "ephemeral_5m_input_tokens"),
        summed="cache_write_tokens",
        vendor_prices=("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
        cached=True,
    )
    cache_write_1h: int = _count(
        "prompt",
        "Cache write, 1 h",
        "Tokens written to the cache for 1 hour.",
        *("cache_creation", "ephemeral_1h_input_tokens"),
        summed="cache_write_tokens",
        vendor_prices=("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
        cached=True,
    )
    cache_read: int = _count(
        "prompt",
        "Cache read",
        "Tokens read from the cache.",
        "cache_read_input_tokens",
        vendor_prices=("cache_read_mtok", "input_mtok"),
        cached=True,
    )
    output: int = _count(
        "output", "Output", "Output tokens, thinking included.", "output_tokens", vendor_prices=("output_mtok",)
    )
    thinking: int = _count(
        "part",
        "of which thinking",
        "The part of the output tokens that was thinking.",
        *("output_tokens_details", "thinking_tokens"),
        part_of="output",
    )
    web_searches: int = _count(
        "apiece",
        "Web searches",
        "Web searches billed.",
        *("server_tool_use", "web_search_requests"),
        name="web_search",
        summed=None,  # the tables of sums are older than the wish to count them
        vendor_prices=("web_searches_kcount",),
    )

    @property
    def cache_write(self) -> int:
        return self.cache_write_5m + self.cache_write_1h

    @property
    def prompt(self) -> int:
        """All tokens the model read, cached or not: what length tiers look at."""
        return sum(_prompt(self))

    @property
    def total(self) -> int:
        return sum(_tokens(self))

    def of(self, count: Count) -> int:
        number: int = getattr(self, count.field)
        return number

    def sum_of(self, counts: Iterable[Count]) -> int:
        return sum(getattr(self, count.field) for count in counts)

    def numbers(self) -> tuple[int, ...]:
        """Return all counts, in the order of COUNTS."""
        found: tuple[int, ...] = _numbers(self)
        return found

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*map(add, self.numbers(), other.numbers()))


def _described(by: Field[int]) -> Count:
    given: dict[str, Any] = {"field": by.name, "name": by.name, **by.metadata}
    return Count(**given)


COUNTS = tuple(_described(each) for each in fields(Usage))
"""All fields of ``Usage``, in their order."""
_numbers = attrgetter(*(count.field for count in COUNTS))
UNITS = tuple(count for count in COUNTS if count.kind != "part")
"""What is billed."""
PROMPT = tuple(count for count in UNITS if count.kind == "prompt")
TOKENS = tuple(count for count in UNITS if count.is_tokens)
"""The buckets that no token is in twice."""
_prompt, _tokens = (attrgetter(*(bucket.field for bucket in buckets)) for buckets in (PROMPT, TOKENS))
APIECE = tuple(count for count in UNITS if not count.is_tokens)
PARTS = tuple(count for count in COUNTS if count.kind == "part")
COLUMNS = tuple(count.column for count in COUNTS)
PROMPT_COLUMNS = tuple(count.column for count in PROMPT)
BY_NAME = {unit.name: unit for unit in UNITS}
"""Units by their names in price books and ledger lines."""
QUANTITIES: dict[str, tuple[Count, ...]] = {
    measure: tuple(unit for unit in UNITS if unit.measure == measure)
    for measure in dict.fromkeys(unit.measure for unit in UNITS)
    if measure is not None
}
"""What the tables of sums count, with the units that each measure adds up."""
FIRST = 7
"""So many counts, and all their measures, are as old as the tables and files: later ones stand behind all else there,
and their columns have a default, for the rows that were there before them."""


def words_for(measure: str) -> str:
    """Say what one of QUANTITIES is, as in ``3 web searches``."""
    plain = any(unit.kind == "prompt" and not unit.cached for unit in QUANTITIES[measure])
    return f"{'uncached ' if plain else ''}{measure.replace('_', ' ')}"


def unit_names() -> str:
    """List what is billed, for documents."""
    *others, last = (unit.name for unit in UNITS)
    return f"{', '.join(others)} or {last}"
