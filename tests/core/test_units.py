"""Units are data: what is there stays as it is, and a new one is a row of the table and a migration."""

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from core.analytics.rollups.refresh import refresh
from core.api.wire import Tokens
from core.exports.columns import FILES
from core.pricing import book_file
from core.store.database import Store
from core.store.rollups import MEASURES
from core.store.upgrade import VERSIONS, known_versions
from core.units import COUNTS, FIRST, QUANTITIES, UNITS, Usage
from core.usage import as_reported, read_usage
from tests.core.analytics.rollups.histories import History
from tests.core.new_unit import NEW, files_of, sums_of
from tests.house_rules import PROJECT
from tests.served import clean_environment

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=20)
ROWS = """    code_execution_seconds: int = _count(
        "apiece",
        "Code execution, seconds",
        "Seconds of code execution billed.",
        *("server_tool_use", "code_execution_seconds"),
        name="code_execution_second",
    )
    audio_input: int = _count("prompt", "Audio input", "Audio tokens in the prompt.", "audio_input_tokens")
"""
MIGRATION = '''"""Seconds of code execution, and audio."""

from core.store.migrations.counts import add_count

revision = "{next}"
down_revision = "{newest}"


def upgrade() -> None:
    add_count("code_execution_seconds", "code_execution_seconds")
    add_count("audio_input_tokens", "audio_input_tokens")
'''
FEE = 'code_execution_second = [{ from = 2025-05-07, usd = "0.00005", source = "pricing" }]\n'
SECONDS, EACH = 90, 50_000


def test_what_is_counted_today_keeps_its_names_and_its_order_everywhere() -> None:
    fields = ["input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "thinking", "web_searches"]
    assert [count.field for count in COUNTS[:FIRST]] == fields
    assert [count.column for count in COUNTS[:FIRST]] == [*(f"{name}_tokens" for name in fields[:-1]), fields[-1]]
    assert [unit.name for unit in UNITS][:6] == [*fields[:5], "web_search"]
    assert MEASURES[7:11] == ("input_tokens", "cache_write_tokens", "cache_read_tokens", "output_tokens")
    assert [column.name for column in FILES["traces"].columns][10:17] == [count.column for count in COUNTS[:FIRST]]
    aliases = [field.alias for field in Tokens.model_fields.values()][:FIRST]
    assert aliases == ["input", "cacheWrite5m", "cacheWrite1h", "cacheRead", "output", "thinking", "webSearches"]


def test_no_name_is_used_twice() -> None:
    for names in ([count.column for count in COUNTS], [unit.name for unit in UNITS], [each.label for each in COUNTS]):
        assert len(set(names)) == len(names)
    assert len({count.reported for count in COUNTS}) == len(COUNTS)
    assert not set(QUANTITIES) & set(MEASURES[:7])


def test_what_is_said_as_the_provider_would_say_it_is_read_again() -> None:
    usage = Usage(1, 2, 3, 4, 50, 6, 7)
    assert read_usage(as_reported(usage, COUNTS)).usage == usage


def test_a_fee_for_what_nothing_is_counted_of_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = (book_file.FOLDER / "anthropic.toml").read_text("utf-8").replace("[fees]\n", f"[fees]\n{FEE}")
    (tmp_path / "anthropic.toml").write_text(book, "utf-8")
    monkeypatch.setattr(book_file, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="fees for code_execution_second, which nothing is counted of"):
        book_file.read_price_book("anthropic", other_vendors=True)


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """The program with two rows more in its table of units, a migration, and a price for each in the price book."""
    kept = shutil.ignore_patterns(".*", "tests", "*.db*", "spool", "__pycache__", "*.key*")
    copy = shutil.copytree(PROJECT, tmp_path / "program", ignore=kept)
    (copy / "tests").symlink_to(PROJECT / "tests")
    _put(copy / "core" / "units.py", r"(    web_searches: int = .*?\n    \)\n)", ROWS)
    newest = known_versions(VERSIONS)[-1]
    following = f"{int(newest) + 1:04}"
    file = copy / "core" / "store" / "migrations" / "versions" / f"{following}_new_units.py"
    file.write_text(MIGRATION.format(next=following, newest=newest), "utf-8")
    book = copy / "data" / "prices" / "anthropic.toml"
    _put(book, r"(\[fees\]\n)", FEE)
    _put(book, r"(\[models\.claude-fable-5-2\]\nrates = \[\n    \{ from = [0-9-]+,)", ' audio_input = "20",')
    return copy


def _put(file: Path, after: str, more: str) -> None:
    old = file.read_text("utf-8")
    new, times = re.subn(after, lambda found: found[1] + more, old, count=1, flags=re.DOTALL)
    assert times == 1
    file.write_text(new, "utf-8")


def _older(store: Store) -> dict[str, Any]:
    """Turns that the code of today has booked and summed up, as files have them."""
    history = History(store)
    for kind in range(8):
        history.turn(NOON - timedelta(days=kind, minutes=kind), kind)
    # Once there is real money, sums and budgets are about it alone, and the process to come has none.
    store.write(lambda connection: connection.execute(text("UPDATE task_trace SET provenance = 'simulated'"))).result()
    while refresh(store, ZoneInfo("UTC"), NOON + timedelta(days=1)):
        pass
    return {**files_of(store), "sums": sums_of(store)}


def test_a_new_unit_is_a_row_and_a_migration(store: Store, extended: Path, tmp_path: Path) -> None:
    older = _older(store)
    command = [sys.executable, "-m", "tests.core.new_unit", store.url, str(tmp_path)]
    run = subprocess.run(command, cwd=extended, env=clean_environment(), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3_000:]
    seen = json.loads(run.stdout.splitlines()[-1])
    assert seen["project"] == str(extended)
    _assert_nothing_is_lost(older, seen["before"])
    _assert_billed(seen)
    _assert_summed(seen)
    _assert_shown(seen)
    _assert_tokens_are_priced(seen["audio"])


def _assert_nothing_is_lost(older: dict[str, Any], before: dict[str, Any]) -> None:
    new = dict.fromkeys(NEW, "0")
    assert before["traces"] == [row | new for row in older["traces"]]
    assert list(before["traces"][0])[-2:] == list(new)
    assert before["ledger"] == older["ledger"]
    assert before["sums"] == older["sums"]
    assert len(older["ledger"]) > 20
    assert len(older["sums"]) > 100


def _assert_billed(seen: dict[str, Any]) -> None:
    rows = [row for row in seen["after"]["ledger"] if row["unit"] == "code_execution_second"]
    assert [(row["quantity"], row["unit_price_usd"], row["amount_usd"]) for row in rows] == [
        (str(SECONDS), "0.00005", "0.004500000")
    ]
    [newest, *_] = seen["after"]["traces"]
    total = sum(_nanos(row["amount_usd"]) for row in seen["after"]["ledger"] if row["trace_id"] == newest["trace_id"])
    assert (newest["code_execution_seconds"], newest["web_searches"]) == (str(SECONDS), "1")
    assert seen["turn"] == {"total": total, "basis": "computed", "seconds": SECONDS}
    assert total > SECONDS * EACH + 10_000_000  # the search and the tokens too
    assert _nanos(newest["cost_usd"]) == total == seen["budget"]


def _nanos(dollars: str) -> int:
    return int(Decimal(dollars or "0") * 10**9)


def _assert_summed(seen: dict[str, Any]) -> None:
    [costs, of_tables] = seen["summed"]
    assert costs == seen["unsummed"]
    assert (costs["total"]["codeExecutionSeconds"], of_tables) == (SECONDS, SECONDS)
    assert costs["total"]["knownCost"]["nanos"] == seen["turn"]["total"]
    assert (seen["differences"], seen["undescribed"]) == ([], [])
    assert "code execution seconds" in seen["table"].splitlines()[0]
    assert f" {SECONDS} " in seen["table"].splitlines()[-1] + " "


def _assert_shown(seen: dict[str, Any]) -> None:
    assert all("codeExecutionSeconds" in names for names in seen["documents"])
    assert seen["document"].endswith(", output, web_search, code_execution_second or audio_input.")
    trace = seen["trace"]
    assert trace["usage"]["codeExecutionSeconds"] == SECONDS
    [line] = [line for line in trace["ledger"] if line["unit"] == "code_execution_second"]
    assert line["amount"]["nanos"] == SECONDS * EACH
    assert seen["pages"]["costs"] == [f"{SECONDS}", f"{SECONDS} code execution seconds"]
    [row] = [row for row in seen["pages"]["ledger"] if row["Billed"] == "Code execution, seconds"]
    assert (row["Quantity"], row["Unit price, USD"], row["Amount, USD"].strip()) == (
        f"{SECONDS}",
        "0.00005 each",
        "0.004500000",
    )


def _assert_tokens_are_priced(audio: dict[str, Any]) -> None:
    assert audio["lines"][-1] == ["audio_input", 1_000, "0.0000220", 22_000_000]
    assert "has no price for audio input of claude-opus-4-6" in audio["unknown"]
    assert audio["prompt"] == 7
