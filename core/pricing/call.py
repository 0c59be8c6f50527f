"""What is known of one call when it is priced, and what is worth a remark about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from core.pricing.priced import NoPrice
from core.pricing.rates import ModelRates, find_row
from core.usage import UsageJson

UNFINISHED = "the reply was not seen to its end, so its output is estimated from what was seen of it"


@dataclass(frozen=True, slots=True)
class Call:
    """The model that answered, the provider's ``usage``, when it was asked, and how the reply ended.

    ``content_blocks`` without a ``stop_reason`` is a reply that began and was not seen to end.
    """

    model: str
    usage: UsageJson
    at: datetime
    stop_reason: str | None
    content_blocks: int | None

    @property
    def unfinished(self) -> bool:
        return self.stop_reason is None and self.content_blocks is not None

    def term(self, field: str) -> str | None:
        """Return a field that names the terms it was served on; None if it is not told.

        Raises NoPrice for what is no name.
        """
        value = self.usage.get(field)
        if value is not None and not isinstance(value, str):
            raise NoPrice(f"no price is known for {field} {value!r}")
        return value.strip().lower() or None if value else None

    def remarks(self, rates: ModelRates | None, prompt: int) -> Iterator[str]:
        """Say what a reader of the cost should know; ``rates`` are the model's, ``prompt`` counts its tokens."""
        if self.unfinished:
            yield UNFINISHED
        if rates is not None:
            yield from self._model_remarks(rates)
            used = self.usage.get("server_tool_use")
            if used and isinstance(used, Mapping):
                yield from self._tool_remarks(used, rates, prompt)

    def _model_remarks(self, rates: ModelRates) -> Iterator[str]:
        if rates.retires is not None and self.at >= rates.retires:
            yield f"{self.model} retired on {rates.retires:%Y-%m-%d} and is priced as it last was"
        if not rates.inference_geo and self.term("inference_geo") == "us":
            yield f"{self.model} has no price of its own for the region us and is priced as anywhere"

    def _tool_remarks(self, used: UsageJson, rates: ModelRates, prompt: int) -> Iterator[str]:
        row = find_row(rates.rows, self.at, prompt=prompt)
        if row is not None and row.prompt_over and not self.usage.get("iterations"):
            yield "priced as a long prompt, but its length is a sum over a tool loop whose prompts may be shorter"
        if used.get("code_execution_requests"):
            yield "code execution is billed by container time, which a reply does not tell, and is not included"
