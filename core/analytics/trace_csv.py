"""Traces as CSV that a spreadsheet, a script and an auditor read alike.

RFC 4180: comma, double quotes where needed, CRLF, one header row; UTF-8. Times are ISO 8601 in UTC, money is exact
decimal dollars, an empty cell is an unknown value. Text that a spreadsheet could take for a formula begins with an
apostrophe; numbers never do.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeAlias

from core.analytics.trace_row import TraceRow
from core.money import Nanos, exact_usd

_FORMULA_BEGINS = tuple("=+-@\t\r\n\0＝＋－＠")  # the last four are full-width

Cell: TypeAlias = str | int | None


def safe_text(text: str | None) -> str:
    """Text for a cell: what a spreadsheet could run is given an apostrophe in front."""
    if text is None:
        return ""
    return f"'{text}" if text.startswith(_FORMULA_BEGINS) else text


def utc_time(at: datetime) -> str:
    """To the microsecond, as kept: ``2026-11-20T15:30:00.000000Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _usd(nanos: Nanos | None) -> str:
    return "" if nanos is None else exact_usd(nanos)


_COLUMNS: tuple[tuple[str, str, Callable[[TraceRow], Cell]], ...] = (
    ("trace_id", "Id of the trace; later traces have greater ids.", lambda row: safe_text(row.id)),
    ("started_at", "When the message was sent, UTC.", lambda row: utc_time(row.started_at)),
    ("status", "running, completed, failed, stopped or interrupted.", lambda row: safe_text(row.status)),
    ("person", "Who sent the message.", lambda row: safe_text(row.person)),
    ("agent", "The agent that was asked, by its present name.", lambda row: safe_text(row.agent_name)),
    ("model", "The model that was asked.", lambda row: safe_text(row.model)),
    ("conversation_id", "Id of the conversation.", lambda row: safe_text(row.conversation_id)),
    ("source", "Where the message came from, such as chat.", lambda row: safe_text(row.source)),
    ("simulated", "true if the simulated provider answered, else false.", lambda row: str(row.simulated).lower()),
    ("attempts", "Calls to the provider, repeated ones included.", lambda row: row.attempts),
    ("input_tokens", "Input tokens neither written to nor read from the cache.", lambda row: row.usage.input),
    ("cache_write_5m_tokens", "Tokens written to the cache for 5 minutes.", lambda row: row.usage.cache_write_5m),
    ("cache_write_1h_tokens", "Tokens written to the cache for 1 hour.", lambda row: row.usage.cache_write_1h),
    ("cache_read_tokens", "Tokens read from the cache.", lambda row: row.usage.cache_read),
    ("output_tokens", "Output tokens, thinking included.", lambda row: row.usage.output),
    ("thinking_tokens", "The part of the output tokens that was thinking.", lambda row: row.usage.thinking),
    ("web_searches", "Web searches billed.", lambda row: row.usage.web_searches),
    ("cost_usd", "Cost in US dollars, nine decimals; empty if not known (yet).", lambda row: _usd(row.total)),
    (
        "cost_basis",
        "computed, estimated, or unpriced where no price is known; empty while the trace runs.",
        lambda row: safe_text(row.basis),
    ),
    ("duration_ms", "Milliseconds from sending to the end; empty while the trace runs.", lambda row: row.duration_ms),
    (
        "time_to_first_token_ms",
        "Milliseconds until the answer began; empty if it never did.",
        lambda row: row.time_to_first_token_ms,
    ),
    ("error_type", "What kind of error ended it; empty if none did.", lambda row: safe_text(row.error_type)),
)

TRACE_COLUMNS: tuple[tuple[str, str], ...] = tuple((name, meaning) for name, meaning, _ in _COLUMNS)
"""Name and meaning of each column, in the file's order; new ones are only ever added at the end."""


def csv_chunks(batches: Iterable[Iterable[TraceRow]]) -> Iterator[str]:
    """The header, then one piece of the file for each batch of rows."""
    yield _lines([[name for name, _ in TRACE_COLUMNS]])
    for rows in batches:
        yield _lines([cell(row) for _, _, cell in _COLUMNS] for row in rows)


def _lines(rows: Iterable[list[Cell] | list[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
