"""What is known of one call when it is priced, and what is worth a remark about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from core.pricing.rates import ModelRates, find_row
from core.usage import UsageJson


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

    def remarks(self, rates: ModelRates | None, prompt: int) -> Iterator[str]:
        """What a reader of the cost should know; ``rates`` are the model's own, ``prompt`` is its length in tokens."""
        if self.unfinished:
            yield "the reply was not seen to its end, so its output is counted only as far as it came"
        if rates is not None:
            yield from self._model_remarks(rates)
            if self.usage.get("server_tool_use"):
                yield from self._tool_remarks(rates, prompt)

    def _model_remarks(self, rates: ModelRates) -> Iterator[str]:
        if rates.retires is not None and self.at >= rates.retires:
            yield f"{self.model} retired on {rates.retires:%Y-%m-%d} and is priced as it last was"
        if not rates.inference_geo and self.usage.get("inference_geo") == "us":
            yield f"{self.model} has no price of its own for the region us and is priced as anywhere"

    def _tool_remarks(self, rates: ModelRates, prompt: int) -> Iterator[str]:
        row = find_row(rates.rows, self.at, prompt=prompt)
        if row is not None and row.prompt_over and not self.usage.get("iterations"):
            yield "priced as a long prompt, but its length is a sum over a tool loop whose prompts may be shorter"
        if self.usage["server_tool_use"].get("code_execution_requests"):
            yield "code execution is billed by container time, which a reply does not tell, and is not included"
