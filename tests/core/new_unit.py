"""What is seen of two new units, by a process whose table of units has them; prints it as JSON.

Its arguments are the URL of a database that older code has filled, and a folder for the rest.
"""

import json
import os
import sys
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core import wiring
from core.analytics.rollups.check import differences
from core.analytics.rollups.refresh import refresh
from core.api.app import api_routes
from core.api.costs import CostQuery
from core.budgets.budgets import BudgetDraft
from core.clock import now
from core.events import TurnEnded
from core.exports.columns import FILES
from core.place import PROJECT
from core.pricing import price_usage
from core.store.database import Store
from core.store.rollups import DAYS, HOURS, MONTHS, QUARTERS
from core.toolbox.query_costs import spend_table
from core.units import Usage
from core.wiring import Services
from tests.core.exports.ledgers import exported, rows_of
from tests.core.store.test_upgrade import DESCRIBED, is_described
from tests.pages.screen import labelled, open_app

SECONDS = 90
NEW = ("code_execution_seconds", "audio_input_tokens")
SUMS = tuple(table for tables in (QUARTERS, HOURS, DAYS, MONTHS) for table in tables.values())
UTC_ZONE = ZoneInfo("UTC")
_TODAY = {"by": "model", "from": now().date().isoformat(), "to": now().date().isoformat()}


def main(url: str, folder: str) -> None:
    os.environ |= {"DATABASE_URL": url, "DATA_DIR": folder, "SIMULATOR_PACE": "0", "DRAIN_SECONDS": "0"}
    services = wiring.services()
    try:
        print(json.dumps(_seen(services), default=str))
    finally:
        wiring.drain()


def _seen(services: Services) -> dict[str, Any]:
    before = {**files_of(services.store), "sums": sums_of(services.store)}
    _make_sums(services)
    services.budgets.create(services.me, BudgetDraft("organisation", None, "day", 10**12))
    end = _ask(services, f"[[say: Done.]] [[searches: 1]] [[code_execution_seconds: {SECONDS}]]")
    unsummed = _costs(services)
    _make_sums(services)
    [budget] = services.budgets.list(services.me)
    with TestClient(Starlette(routes=api_routes(lambda: services)), client=("127.0.0.1", 50_000)) as client:
        documents = client.get("/api/openapi.json").json()["components"]["schemas"]
        traces = client.get("/api/traces").json()["data"]
        trace = client.get(f"/api/traces/{traces[0]['id']}").json()["data"]
    with services.store.read() as connection:
        summed = connection.execute(text("SELECT sum(code_execution_seconds) FROM rollup_days")).scalar()
    return {
        "project": str(PROJECT),
        "before": before,
        "after": files_of(services.store),
        "turn": {"total": end.total, "basis": end.basis, "seconds": end.usage.code_execution_seconds},  # type: ignore[attr-defined]
        "unsummed": unsummed,
        "summed": [_costs(services), int(summed or 0)],
        "undescribed": [str(each) for each in _undescribed(services.store)],
        "differences": list(differences(services.store)),
        "budget": budget.spent,
        "documents": [sorted(documents[name]["properties"]) for name in ("Tokens", "Row", "Total")],
        "document": documents["LedgerLine"]["properties"]["unit"]["description"],
        "trace": trace,
        "pages": _pages(trace["id"]),
        "table": spend_table([("all", services.costs.total(services.me, _choice(services)))]),
        "audio": _audio(),
    }


def files_of(store: Store) -> dict[str, Any]:
    return {file: rows_of(exported(store, file)) for file in FILES}


def sums_of(store: Store) -> list[str]:
    """All rows of all tables of sums, but for what the new units add."""
    with store.read() as connection:
        rows = [
            f"{table.name} {sorted((name, value) for name, value in row.items() if name not in NEW)}"
            for table in SUMS
            for row in connection.execute(select(text("*")).select_from(table)).mappings()
        ]
    return sorted(rows)


def _undescribed(store: Store) -> list[Any]:
    """What the migrations made otherwise than the tables say."""
    options = {"compare_type": True, "compare_server_default": True, "include_name": is_described}
    with store.engine.connect() as connection:
        found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), DESCRIBED)
        return found


def _ask(services: Services, words: str) -> TurnEnded:
    turn = services.turns.send(owner=services.me, agent_id=services.agents.list(services.me)[0].id, text=words)
    seen = 0
    while not turn.ended:
        seen += len(turn.get(seen, 30))
    [end] = [logged.event for logged in turn.get(0, 0) if isinstance(logged.event, TurnEnded)]
    return end


def _make_sums(services: Services) -> None:
    """As if the hour were over."""
    while refresh(services.store, UTC_ZONE, now() + timedelta(hours=2)):
        pass


def _choice(services: Services) -> Any:
    query = CostQuery.model_validate(_TODAY)
    return query.choice(services.settings.time_zone, services.costs.names(services.me))


def _costs(services: Services) -> Any:
    with TestClient(Starlette(routes=api_routes(lambda: services)), client=("127.0.0.1", 50_000)) as client:
        return client.get("/api/costs", params=_TODAY).json()


def _pages(trace: str) -> dict[str, Any]:
    costs = labelled(open_app("costs").metric, "Code execution, seconds")
    drawn = [frame.value for frame in open_app("traces", trace=trace).dataframe]
    [ledger] = [frame for frame in drawn if "Billed" in frame]
    return {"costs": [costs.value, costs.help], "ledger": ledger.astype(str).to_dict("records")}


def _audio() -> dict[str, Any]:
    """Tokens are priced by the model's own rates, with every multiplier."""
    usage = {"input_tokens": 10, "audio_input_tokens": 1_000, "output_tokens": 1, "inference_geo": "us"}
    priced = price_usage("claude-fable-5-2", usage, now(), stop_reason="end_turn")
    unknown = price_usage("claude-opus-4-6", usage, now(), stop_reason="end_turn")
    lines = [[line.unit, line.quantity, line.unit_price_usd, line.amount] for line in priced.lines]
    return {"lines": lines, "unknown": unknown.reason, "prompt": Usage(audio_input=5, input=2).prompt}  # type: ignore[call-arg]


if __name__ == "__main__":
    main(*sys.argv[1:])
