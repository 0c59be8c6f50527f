"""What is shown of events: one line each as they come, and at the end what they come to."""

import json
from decimal import Decimal
from itertools import pairwise
from math import ceil
from typing import Any, TextIO

from core.api.watch.following import Event


class Report:
    """Writes to ``out`` at once; ``began`` is when the message was sent, on the monotonic clock."""

    def __init__(self, out: TextIO, began: float) -> None:
        self._out, self._began = out, began
        self._times = [began]
        self._texts: list[float] = []
        self._cost: dict[str, Any] = {}
        self.error: str | None = None

    def show(self, event: Event) -> None:
        since, gap = event.at - self._began, event.at - self._times[-1]
        self._times.append(event.at)
        match event.name:
            case "chunk":
                self._texts.append(event.at)
            case "cost":
                self._cost = event.data
            case "error":
                self.error = str(event.data.get("error", ""))
        self._line(f"{since:9.3f} s {gap:+8.3f}  {event.name:<16} {_data(event)}".rstrip())

    def close(self, reconnections: int) -> None:
        """Tokens, cost, throughput and latency."""
        took, events = self._times[-1] - self._began, len(self._times) - 1
        again = f", {reconnections} reconnection{'' if reconnections == 1 else 's'}" if reconnections else ""
        self._line(f"\n{'Failed' if self.error is not None else 'Done'} after {took:.3f} s: {events} events{again}")
        for name, said in (("Tokens", self._tokens()), ("Cost", self._usd()), ("Throughput", self._throughput())):
            self._line(f"{name:<11} {said}")
        self._line(f"{'Latency':<11} {self._latency()}")

    def _tokens(self) -> str:
        if not self._cost:
            return "not told"
        return f"{self._cost.get('inputTokens', 0):,} in, {self._cost.get('outputTokens', 0):,} out"

    def _usd(self) -> str:
        total = self._cost.get("totalCost")
        return "unknown" if total is None else f"${Decimal(str(total)):f}"

    def _throughput(self) -> str:
        tokens, seconds = self._cost.get("outputTokens", 0), self._texts[-1] - self._texts[0] if self._texts else 0
        return f"{tokens / seconds:,.1f} output tokens/s from the first text to the last" if seconds > 0 else "-"

    def _latency(self) -> str:
        """Measure the latency of the text, and of all events between one another."""
        gaps = sorted(later - earlier for earlier, later in pairwise(self._times[1:]))
        first = f"first text after {self._texts[0] - self._began:.3f} s; " if self._texts else ""
        if not gaps:
            return first + "one event alone"
        return f"{first}between events p50 {percentile(gaps, 50):.0f} ms, p99 {percentile(gaps, 99):.0f} ms"

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


def percentile(seconds: list[float], percent: int) -> float:
    """Return the nearest rank of sorted values, in milliseconds."""
    return 1_000 * seconds[max(0, ceil(len(seconds) * percent / 100) - 1)]


def _data(event: Event) -> str:
    """On one line, and nothing in it that a terminal would obey."""
    text = json.dumps(event.data["text"], ensure_ascii=False) if [*event.data] == ["text"] else event.sent
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)
