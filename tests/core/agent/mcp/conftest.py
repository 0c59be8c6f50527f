"""Servers of tools that are really started, and nothing of them left when a test ends."""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import anyio
import psutil
import pytest

from core.access.roles import Person
from core.agent.mcp.server import Limits, McpServer, ServerState
from core.agent.mcp.servers import McpServers
from core.agent.tools.tool import Tool, ToolContext

ASKING = ToolContext(Person("p", "p", "admin"), "UTC")
# The machine may be busy: what is to succeed gets time, and only tests of failing narrow this down.
PATIENT = Limits(connect=60, list=60, patience=60, first_pause=0.05)

Opened: TypeAlias = Callable[..., McpServers]


def wicked(mode: str = "", **env: str) -> McpServer:
    args = ("-m", "tests.core.agent.mcp.wicked", *([mode] if mode else []))
    return McpServer("w", "wicked", "stdio", sys.executable, args, env)


async def call(tools: Sequence[Tool], name: str, **arguments: object) -> str:
    [tool] = [tool for tool in tools if tool.name.endswith(f"__{name}")]
    return await tool.run(arguments, ASKING)


async def until(holds: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    with anyio.fail_after(60):
        while not (done if isinstance(done := holds(), bool) else await done):  # noqa: ASYNC110
            await anyio.sleep(0.01)


def state(servers: McpServers) -> ServerState:
    [found] = servers.states()
    return found


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """As the engine has it."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Opens servers; at the end there must be no process that was not there before."""
    before = set(psutil.Process(os.getpid()).children(recursive=True))
    every: list[McpServers] = []

    def make(*servers: McpServer, **limits: float) -> McpServers:
        every.append(McpServers(lambda: servers, replace(PATIENT, **limits)))
        return every[-1]

    yield make
    for servers in every:
        await servers.close()
    assert set(psutil.Process(os.getpid()).children(recursive=True)) <= before
