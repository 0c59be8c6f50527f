"""``python -m tests.bench.generate --traces 1000000 --database sqlite:////tmp/year.db``: a year of traces.

Forty agents on twelve models, asked by two hundred people; the sums of every trace are those of its ledger lines. The
database must hold no trace yet. No marks are written: ``python -m core.analytics.rollups rebuild`` makes the rollups.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

from core.errors import AppError
from core.store.database import open_store
from tests.bench.bulk import Bulk, filling
from tests.bench.year import AGENTS, END, UNITS, Batch, Year, rates

PRICE_SOURCE = "generated"

_BEGUN = str(END.replace(year=END.year - 1, tzinfo=None))
_TOKENS = tuple(f"{unit}_tokens" for unit in UNITS)
_TIMES = ("started_at", "ended_at")
_NUMBERS = (*_TOKENS, "cost_nanos", "agent_version", "duration_ms", "time_to_first_token_ms")
_SESSION_ID, _SPAN_ID = (f"substr(b.id, 1, 19) || '{digit}' || substr(b.id, 21)" for digit in "9a")
_STEP = "CASE b.status WHEN 'completed' THEN 'success' ELSE b.status END"
_COPIED = (*_TOKENS, "cost_nanos", "cost_basis", *_TIMES, "duration_ms", "time_to_first_token_ms", "error_type")
_TALLY = {name: f"b.{name}" for name in _COPIED} | {
    "cache_write_1h_tokens": "0",
    "thinking_tokens": "0",
    "web_searches": "0",
}
_USAGE = (
    "'{\"input_tokens\": ' || b.input_tokens || ', \"cache_creation_input_tokens\": ' || b.cache_write_5m_tokens || "
    "', \"cache_read_input_tokens\": ' || b.cache_read_tokens || ', \"output_tokens\": ' || b.output_tokens || '}'"
)
_VERSION = (
    *("agent_id", "number", "name", "model", "description", "system_prompt", "max_output_tokens", "thinking"),
    *("starters", "created_at", "created_by"),
)
_TRACE = {name: f"b.{name}" for name in ("id", "owner_id", "conversation_id", "model", "instruction", "status")} | {
    "master_agent_id": "b.agent_id",
    "source": "'chat'",
    "instance_id": "'generated:1:a'",
    "heartbeat_at": "b.ended_at",
    **_TALLY,
}
_SESSION = {name: f"b.{name}" for name in ("agent_id", "agent_version", "model")} | {
    "id": _SESSION_ID,
    "task_trace_id": "b.id",
    "session_type": "'simulated'",
    "status": _STEP,
    **_TALLY,
}
_SPAN = {
    "id": _SPAN_ID,
    "trace_session_id": _SESSION_ID,
    "task_trace_id": "b.id",
    "kind": "'model_call'",
    "attempt": "1",
    "model": "b.model",
    "response_model": "CASE b.status WHEN 'failed' THEN NULL ELSE b.model END",
    "request_id": "'req_' || substr(b.id, 15)",
    "http_status": "CASE b.status WHEN 'failed' THEN 529 ELSE 200 END",
    "stop_reason": "CASE b.status WHEN 'completed' THEN 'end_turn' END",
    "status": _STEP,
    **_TALLY,
}
_WHICH = " ".join(f"WHEN '{unit}' THEN b.{unit}_tokens" for unit in UNITS)
_QUANTITY = f"CASE r.unit {_WHICH} END"
_LINE = {
    "span_id": _SPAN_ID,
    "line": "r.line",
    "task_trace_id": "b.id",
    "model": "b.model",
    "unit": "r.unit",
    "quantity": _QUANTITY,
    "unit_price_usd": "r.usd",
    "amount_nanos": f"r.nanos * {_QUANTITY}",
    "uncached_nanos": f"r.plain * {_QUANTITY}",
    "price_source": f"CASE WHEN r.nanos IS NOT NULL THEN '{PRICE_SOURCE}' END",
    "estimated": "b.cost_basis = 'estimated'",
    "correction": "FALSE",
    "billed_at": "b.started_at",
    "recorded_at": "b.ended_at",
}
_SECONDS = "SELECT CAST(strftime('%s', substr(started_at, 1, 19)) AS INTEGER) AS second, id FROM task_trace"
_NUMBER = "s.second * 1048576 + row_number() OVER (PARTITION BY s.second) - 1"
_HELD_IN_MEMORY, _USUALLY_HELD = 2**28, 2**20
_INDEX_WORDS = {
    "sqlite": (
        f"INSERT INTO trace_search SELECT {_NUMBER}, s.id FROM ({_SECONDS}) s",
        *(
            f"INSERT INTO trace_search_words (trace_search_words, rank) VALUES {command}"
            for command in (f"('hashsize', {_HELD_IN_MEMORY})", "('rebuild', NULL)", f"('hashsize', {_USUALLY_HELD})")
        ),
    ),
    "postgresql": ("INSERT INTO trace_search SELECT t.id, t.started_at, trace_search_words(t) FROM task_trace t",),
}
"""As triggers would have kept it."""


def generate(url: str, traces: int, seed: int = 1) -> None:
    """Raises AppError if the database cannot be used or holds traces."""
    open_store(url).close()
    began = time.perf_counter()

    def say(what: str) -> None:
        print(f"{time.perf_counter() - began:7.0f} s  {what}", file=sys.stderr, flush=True)

    year, done = Year(traces, seed), 0
    with filling(url, say) as bulk:
        if bulk.count("task_trace"):
            raise AppError("This database holds traces already. Name a new one.")
        _put_names(bulk, year)
        _prepare(bulk, year)
        for conversations, batch in year.batches():
            bulk.put("conversations", tuple(conversations), _rows(conversations))
            _put_traces(bulk, batch)
            done += len(batch["id"])
            say(f"{done:,} traces")
        for statement in _INDEX_WORDS[bulk.dialect]:
            say("the index of words")
            bulk.run(statement)
    say("done")


def _put_names(bulk: Bulk, year: Year) -> None:
    yes, no = ("true", "false") if bulk.dialect == "postgresql" else (1, 0)
    people = [(id_, f"person{number}@example.org", f"Person {number}") for number, id_ in enumerate(year.people, 1)]
    bulk.put("users", ("id", "email", "name", "role", "created_at"), [(*who, "operator", _BEGUN) for who in people])
    agents = list(zip(year.agents, range(1, AGENTS + 1), year.agent_models.tolist(), strict=True))
    columns = ("id", "name", "active", "current_version", "created_at")
    bulk.put("agents", columns, [(id_, f"Agent {number}", yes, model + 1, _BEGUN) for id_, number, model in agents])
    versions = [
        (id_, version, f"Agent {number}", model, "", "", 8_000, no, "[]", _BEGUN, year.people[0])
        for id_, number, _ in agents
        for version, model in enumerate(year.models, 1)
    ]
    bulk.put("agent_versions", _VERSION, versions)


def _prepare(bulk: Bulk, year: Year) -> None:
    """``batch`` takes traces before they become rows of three tables; ``rates`` has a line for each unit."""
    columns = [name for _, batch in Year(1, 1).batches() for name in batch]
    time_, number = ("timestamptz", "bigint") if bulk.dialect == "postgresql" else ("TEXT", "INTEGER")
    kinds = dict.fromkeys(_TIMES, time_) | dict.fromkeys(_NUMBERS, number)
    typed = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in columns)
    bulk.run(f"CREATE TEMP TABLE batch ({typed})")
    bulk.run(f"CREATE TEMP TABLE rates (model text, unit text, line int, usd text, nanos {number}, plain {number})")
    bulk.put("rates", ("model", "unit", "line", "usd", "nanos", "plain"), _rate_rows(year))
    bulk.run("CREATE INDEX rates_of_model ON rates (model)")


def _rate_rows(year: Year) -> Iterator[tuple[Any, ...]]:
    """A trace either writes to the cache or reads from it, so both can be its second line."""
    lines = dict(zip(UNITS, (1, 2, 2, 3), strict=True))
    for model in year.models:
        known = rates(model)
        for unit, line in lines.items():
            plain = known["input"].nanos if line == 2 else None
            yield model, unit, line, known[unit].usd, known[unit].nanos, plain


def _put_traces(bulk: Bulk, batch: Batch) -> None:
    usage = f"CASE b.status WHEN 'failed' THEN NULL ELSE ({_USAGE}){'::json' * (bulk.dialect == 'postgresql')} END"
    bulk.put("batch", tuple(batch), _rows(batch))
    for table, columns in (("task_trace", _TRACE), ("trace_sessions", _SESSION)):
        bulk.run(_insert(table, columns, "batch b"))
    bulk.run(_insert("trace_spans", _SPAN | {"usage": usage}, "batch b"))
    bulk.run(_insert("ledger_lines", _LINE, f"batch b CROSS JOIN rates r WHERE r.model = b.model AND {_QUANTITY} > 0"))
    bulk.run("DELETE FROM batch" if bulk.dialect == "sqlite" else "TRUNCATE batch")


def _insert(table: str, columns: dict[str, str], source: str) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM {source}"


def _rows(columns: Batch) -> Iterator[tuple[Any, ...]]:
    return zip(*columns.values(), strict=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.generate", description=__doc__)
    parser.add_argument("--traces", type=int, default=1_000_000)
    parser.add_argument("--database", required=True, help="sqlite:////folder/file.db or postgresql://…")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    try:
        generate(chosen.database, chosen.traces, chosen.seed)
    except AppError as error:
        sys.exit(error.for_user)


if __name__ == "__main__":
    main()
