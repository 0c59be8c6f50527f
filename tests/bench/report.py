"""Tables of figures, as text."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table: ours beside the baseline's."""

    name: str
    unit: str
    ours: float
    baseline: float

    @property
    def ratio(self) -> float:
        return self.ours / self.baseline if self.baseline else float("inf")


def show(title: str, figures: Sequence[Figure]) -> None:
    print(f"\n## {title}\n")
    print("| figure | unit | ours | baseline | ratio |")
    print("|---|---|---:|---:|---:|")
    for figure in figures:
        print(f"| {figure.name} | {figure.unit} | {figure.ours:,.2f} | {figure.baseline:,.2f} | {figure.ratio:,.2f} |")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0–1) of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
