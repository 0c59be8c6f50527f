"""Arrows point down, packages stay at home, pieces stay small; and the rules themselves catch what they should."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from statistics import median, quantiles

import pytest

from tests.house_rules import (
    PROJECT,
    Module,
    broad_excepts,
    docstring_breaches,
    home_breaches,
    layer_breaches,
    length,
    parameters,
    read_modules,
    safety_breaches,
    size_breaches,
)

# From top to bottom: a line may import only from the lines below it; names on one line do not know each other.
LAYERS = [
    "app core.installed",
    "core.__main__",
    "core.doctor",
    "pages",
    "pages.parts",
    "core.launch core.lifespan core.pricing.__main__",
    "core.api",
    "core.wiring",
    "core.demo",
    "core.chat core.exports",
    "core.conversations core.toolbox",
    "core.registry",
    "core.agent core.books core.analytics",
    "core.budgets",
    "core.access",
    "core.provider.anthropic",
    "core.provider.simulator",
    "core.provider core.pricing",
    "core.store",
    "core.settings core.events core.files core.key_file",
    "core.usage core.estimates core.money core.clock core.quarters core.errors core.logs core.children core.place",
    "core.units",
]
_SQL = (
    "core.store core.access core.budgets core.registry core.conversations core.toolbox core.chat core.books "
    "core.analytics core.demo core.exports core.doctor"
)
ONLY_IN = {
    "streamlit": "app pages",
    "altair": "pages.parts",
    "anthropic": "core.provider.anthropic",
    "core.provider.anthropic": "core.provider.anthropic core.wiring",
    "core.provider.simulator": "core.provider.simulator core.provider.anthropic",
    "httpx2": "core.provider.anthropic core.provider.simulator core.agent.mcp core.agent.tools core.api.watch",
    "mcp": "core.agent.mcp core.demo.people_server",
    "sqlalchemy": _SQL,
    "sqlmodel": _SQL,
    "alembic": "core.store",
    "psycopg": "core.store",
    "jsonschema": "core.agent.tools core.agent.mcp",
    "lxml": "core.agent.tools",
    "referencing": "core.agent.tools core.agent.mcp",
    "starlette": "app core.api",
    "fastapi": "core.api",
    "limits": "core.api.guard",
    "uvicorn": "core.launch core.api.guard",
    "jinja2": "core.api.docs core.api.sign_in",
    "prometheus_client": "core.api.metrics",
    "itsdangerous": "core.exports",
    "PIL": "core.files",
    "pypdf": "core.files",
    "argon2": "core.access",
    "cryptography": "core.access",
}
# Where every error must be survived, and why.
BROAD_EXCEPTS = {
    "core.agent.mcp.connection._live": "whatever a server does wrong ends its own connection and nothing else",
    "core.agent.tools.running._limited_run": "whatever a tool does, the model is told and the turn goes on",
    "core.analytics.rollups.refresher.catch_up": "without fresh sums pages are slower, not wrong: try again",
    "core.chat.engine._quietly": "a chore that fails once must be tried again",
    "core.files.reading.read_carefully": "whatever a damaged file does to its reader, it is refused with a sentence",
    "core.chat.agent_run.follow": "a defect of ours must not leave a turn open in the books",
    "core.chat.delegation._close": "a run's end outlives whatever the database does",
    "core.store.upgrade._migrate": "whatever a migration raises, the database stays at its old version",
    "core.store.writers._settle": "a job's error belongs to whoever waits for it, not to the writer's thread",
    "core.books.books.close": "a turn's end outlives whatever the database does",
    "core.books.batch_writer._try": "the error belongs to whoever waits for the item",
    "core.books.spool._booked": "one end that can never be booked must not hold up those behind it",
}

PRODUCT = read_modules("app.py", "core", "pages")
TESTS = read_modules("tests")
EVERYTHING = PRODUCT + TESTS
KNOWN = {module.name for module in PRODUCT}


def _all(rule: Callable[[Module], Iterator[str]], modules: list[Module]) -> list[str]:
    return [breach for module in modules for breach in rule(module)]


def test_every_import_points_to_a_lower_layer() -> None:
    assert _all(lambda module: layer_breaches(module, LAYERS, KNOWN), PRODUCT) == []


def test_every_layer_exists() -> None:
    assert [name for line in LAYERS for name in line.split() if name not in KNOWN] == []


def test_packages_stay_in_their_home() -> None:
    assert _all(lambda module: home_breaches(module, ONLY_IN, KNOWN), PRODUCT) == []


def test_nothing_is_too_long_too_deep_or_too_wide() -> None:
    assert _all(size_breaches, EVERYTHING) == []


def test_the_usual_file_and_function_are_small() -> None:
    functions = [function for module in PRODUCT for function in module.functions]
    lengths = [length(function) for function in functions]
    assert median(module.lines for module in PRODUCT) <= 100
    assert median(lengths) <= 9
    assert quantiles(lengths, n=20)[-1] <= 30
    assert median(parameters(function) for function in functions) <= 2
    assert sum(parameters(function) > 5 for function in functions) <= len(functions) * 0.05


def test_every_module_says_what_it_is() -> None:
    assert _all(docstring_breaches, PRODUCT) == []


def test_t14_nothing_is_mocked_skipped_or_unsafe() -> None:
    assert _all(safety_breaches, EVERYTHING) == []


def test_errors_are_caught_wholesale_only_where_a_reason_is_written_down() -> None:
    assert set(_all(broad_excepts, PRODUCT)) == set(BROAD_EXCEPTS)


def test_the_core_runs_without_streamlit() -> None:
    look = "import sys, core.lifespan, core.launch; print(sorted({'streamlit', 'altair'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", look], cwd=PROJECT, capture_output=True, text=True)
    assert (run.stdout, run.returncode) == ("[]\n", 0), run.stderr


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("core.pricing.book", "from core.chat.turns import Turns", "may not import core.chat.turns"),
        ("core.pricing.book", "from core import chat", "may not import core.chat"),
        ("core.pricing.book", "def f():\n    import core.provider.reply", "may not import core.provider.reply"),
        ("core.agent.loop", "from core.books.books import Books", "may not import core.books.books"),
        ("pages.parts.numbers", "from pages.chat import draw", "may not import pages.chat"),
        ("core.store.tables", "from . import database", "instead of its full name"),
        ("core.store.tables", "from core import secrets", "may not import core"),
        ("core.helpers", "x = 1\ny = 2", "has no line"),
    ],
)
def test_a_breach_of_the_layers_is_seen(name: str, text: str, found: str) -> None:
    [breach] = layer_breaches(Module(name, text), LAYERS, KNOWN)
    assert found in breach


def test_imports_that_point_down_pass() -> None:
    text = "from core import clock\nfrom core.store.tables import Agent\nfrom core.chat.log import Log\nimport json"
    assert list(layer_breaches(Module("core.chat.turns", text), LAYERS, KNOWN)) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("core.chat.turns", "import streamlit as st"),
        ("core.chat.turns", "from anthropic import AsyncAnthropic"),
        ("pages.chat", "import altair"),
        ("pages.chat", "from sqlalchemy.orm import Session"),
        ("core.storefront", "import sqlmodel"),
        ("core.agent.loop", "from core.provider.anthropic.client import open_provider"),
        ("core.agent.loop", "from core.provider import anthropic"),
        ("core.chat.turns", "import core.provider.simulator.transport"),
        ("core.provider.reply", "import anthropic"),
    ],
)
def test_a_package_away_from_home_is_seen(name: str, text: str) -> None:
    assert len(list(home_breaches(Module(name, text), ONLY_IN, KNOWN))) == 1


_DEEP = "def f():\n for a in b:\n  if a:\n   with c:\n    while d:\n     pass"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = 1\n" * 301, "301 lines"),
        ("def f():\n" + "    x = 1\n" * 50, "51 lines"),
        (_DEEP, "nested 4 deep"),
        (_DEEP.replace("while d:\n     pass", "if d:\n     pass\n    else:\n     pass"), "nested 4 deep"),
        ("def f(a, b, c, *, d, e, f, g, h, i): ...", "9 parameters"),
    ],
)
def test_a_piece_that_is_too_big_is_seen(text: str, found: str) -> None:
    [breach] = size_breaches(Module("core.x", text))
    assert found in breach


def test_an_elif_is_not_deeper_than_its_if() -> None:
    text = "def f():\n if a:\n  pass\n elif b:\n  pass\n elif c:\n  pass\n elif d:\n  pass\n elif e:\n  pass"
    assert list(size_breaches(Module("core.x", text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "from unittest.mock import Mock",
        "from unittest import mock",
        "import pickle",
        "pytest.skip('later')",
        "@pytest.mark.xfail\ndef test_x(): ...",
        "pytest.importorskip('pandas')",
        "st.markdown(x, unsafe_allow_html=True)",
        "st.html(x)",
        "eval(x)",
        "exec(x)",
    ],
)
def test_what_is_forbidden_is_seen(text: str) -> None:
    assert len(list(safety_breaches(Module("pages.x", text)))) == 1


@pytest.mark.parametrize("caught", ["Exception", "BaseException", "(ValueError, Exception)", ""])
def test_a_broad_except_is_seen(caught: str) -> None:
    text = f"def f():\n    try:\n        g()\n    except {caught}:\n        pass"
    assert list(broad_excepts(Module("core.x", text))) == ["core.x.f"]


def test_a_handler_that_raises_again_is_not_broad() -> None:
    text = "def f():\n    try:\n        g()\n    except BaseException:\n        close()\n        raise"
    assert list(broad_excepts(Module("core.x", text))) == []


def test_a_missing_docstring_is_seen() -> None:
    module = Module("core.x", "# one\n# two\nx = 1\ny = 2")
    assert list(docstring_breaches(module)) == ["core.x does not say in a docstring what it is"]
