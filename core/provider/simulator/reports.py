"""What the simulated model makes of the results of its tools: a sentence, and a table where there are rows."""

import csv
import json
from collections.abc import Sequence
from itertools import dropwhile, islice
from typing import Any, TypeAlias

from core.provider.simulator.talk import GivenResult

MOST_ROWS = 25
_LONGEST_TEXT = 600
_LONGEST_REPORT = 6_000

Records: TypeAlias = list[dict[str, Any]]


def report(results: Sequence[GivenResult]) -> str:
    """The answer to a question that tools were asked about."""
    return "\n\n".join(_report(result) for result in results)


def _report(result: GivenResult) -> str:
    if result.failed:
        return f"The tool `{result.tool}` did not work: {result.text[:_LONGEST_TEXT]}"
    records = _records(result.text)
    if records is None and "\n" in result.text.strip():
        return f"`{result.tool}` says:\n\n{result.text.strip()[:_LONGEST_REPORT]}"
    if records is None:
        return f"`{result.tool}` gives **{result.text.strip()[:_LONGEST_TEXT]}**."
    if not records:
        return f"`{result.tool}` found nothing that fits."
    shown = f", the first {MOST_ROWS} of them here" if len(records) > MOST_ROWS else ""
    return f"`{result.tool}` found **{len(records)}**{shown}:\n\n{_table(records[:MOST_ROWS])}"


def _records(text: str) -> Records | None:
    """Rows in JSON, at the top or one level below, or in CSV; None if the text is something else."""
    try:
        data = json.loads(text)
    except ValueError:
        return _csv_records(text)
    if isinstance(data, dict):
        data = next((value for value in data.values() if _are_records(value)), [data])
    return data if _are_records(data) else None


def _are_records(data: Any) -> bool:
    return isinstance(data, list) and all(isinstance(row, dict) for row in data)


def _csv_records(text: str) -> Records | None:
    """A line of words may stand before the header."""
    lines = list(dropwhile(lambda line: "," not in line, text.strip().splitlines()))
    if len(lines) < 2:
        return None
    header, *rows = csv.reader(lines)
    return [dict(zip(header, row, strict=True)) for row in rows if len(row) == len(header)] or None


def _table(records: Records) -> str:
    columns = list(islice(dict.fromkeys(name for record in records for name in record), 8))
    lines = [columns, ["---"] * len(columns), *([_cell(record.get(name)) for name in columns] for record in records)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text.replace("|", "/").replace("\n", " ")
