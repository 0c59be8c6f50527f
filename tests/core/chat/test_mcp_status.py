"""Servers as a page sees them: what there is without waiting, what waiting brings, and changes that hold at once."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.chat.mcp_status import ServerStatus, who_uses
from core.chat.tool_choices import GONE, tool_choices
from core.registry.agents import AgentDraft
from core.registry.mcp_registry import McpServerDraft, McpServerView
from core.settings import Settings
from core.store.database import Store
from core.wiring import Services, open_services

WICKED = McpServerDraft("wicked", "stdio", command=sys.executable, args=("-m", "tests.core.agent.mcp.wicked"))


@pytest.fixture
def services(sqlite_store: Store, tmp_path: Path) -> Iterator[Services]:
    chosen = Settings(_env_file=None, data_dir=tmp_path, database_url=sqlite_store.url, drain_seconds=0)
    services = open_services(chosen)
    [people] = services.registry.list(services.me)
    services.registry.set_active(services.me, people.id, False)
    yield services
    services.close()


@pytest.fixture
def server(services: Services) -> McpServerView:
    return services.registry.register(services.me, WICKED)


def status(services: Services) -> ServerStatus:
    return services.mcp_status.list(services.me)[-1]


def children() -> set[psutil.Process]:
    return {child for child in psutil.Process().children(recursive=True) if "wicked" in " ".join(child.cmdline())}


def test_a_server_is_asked_only_when_somebody_waits_for_it(services: Services, server: McpServerView) -> None:
    people, wicked = services.mcp_status.list(services.me)
    assert (people.condition, wicked.condition, wicked.tools) == ("inactive", "unasked", ())
    assert children() == set()
    people, wicked = services.mcp_status.settled(services.me)
    assert (people.condition, wicked.condition, wicked.reason) == ("inactive", "connected", None)
    names = {tool.view.name: tool.name for tool in wicked.tools}
    assert (names["echo"], names["either"]) == ("wicked__echo", None)
    assert [view for view in (tool.view for tool in wicked.tools) if view.problem and names[view.name]] == []


def test_each_change_ends_the_process_that_ran_before(services: Services, server: McpServerView) -> None:
    changes: list[Callable[[], object]] = [
        lambda: services.mcp_status.change(services.me, server.id, WICKED),
        lambda: services.mcp_status.set_active(services.me, server.id, False),
        lambda: services.mcp_status.remove(services.me, server.id),
    ]
    for change, condition in zip(changes, ("unasked", "inactive", "inactive"), strict=True):
        services.registry.set_active(services.me, server.id, True)
        services.mcp_status.connect(services.me, server.id)
        assert (status(services).condition, len(children())) == ("connected", 1)
        change()
        assert (status(services).condition, children()) == (condition, set())
    assert [each.server.name for each in services.mcp_status.list(services.me)] == ["people"]


def test_a_failed_server_is_tried_again_at_once(services: Services, server: McpServerView, tmp_path: Path) -> None:
    program = tmp_path / "program"
    services.mcp_status.change(
        services.me, server.id, McpServerDraft("wicked", "stdio", command=str(program), args=WICKED.args)
    )
    services.mcp_status.connect(services.me, server.id)
    failed = status(services)
    assert (failed.condition, failed.reason) == ("failed", f"There is no program called {program} here.")
    program.symlink_to(sys.executable)
    services.mcp_status.connect(services.me, server.id)
    assert status(services).condition == "connected"


def test_choices_name_what_is_there_and_mark_what_is_not(services: Services, server: McpServerView) -> None:
    held = ["wicked__echo", "wicked__gone", "people__x", "nobody__y", "calculator"]
    before = {choice.name: choice for choice in tool_choices(services.mcp_status.list(services.me), held)}
    assert (before["wicked__echo"].label, before["wicked__echo"].missing) == ("echo · wicked", None)
    after = {choice.name: choice for choice in tool_choices(services.mcp_status.settled(services.me), held)}
    assert [after[name].missing for name in held] == [None, GONE, "its server is inactive", GONE, None]
    assert len({choice.label for choice in after.values()}) == len(after)
    assert after["fetch_url"].asks_first
    assert not after["web_search"].can_ask
    assert "wicked__either" not in after


def test_who_uses_a_server_is_known(services: Services, server: McpServerView) -> None:
    draft = AgentDraft("User", "", "claude-haiku-5-5", "", 100, False, (), tools=("wicked__echo",))
    user = services.agents.create(services.me, draft)
    assert who_uses(server, services.agents.list(services.me)) == [user]


def test_how_a_server_is_reached_is_told_only_to_who_may_change_it(services: Services, server: McpServerView) -> None:
    services.mcp_status.connect(services.me, server.id)
    told = services.mcp_status.list(replace(services.me, role="operator"))[-1]
    whole = status(services)
    assert (told.condition, told.tools) == (whole.condition, whole.tools)
    assert (told.server.command, told.server.args, told.server.url, told.reason) == ("", (), "", None)
    assert whole.server.command
