"""One server's connection, kept open by a task of its own that starts the server again whenever it fails."""

import asyncio
import contextvars
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

import anyio
import structlog
from mcp import Client, MCPError
from mcp.client import IncomingMessage
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.types import CONNECTION_CLOSED, ToolListChangedNotification
from mcp.types import Tool as ServerTool
from pydantic import ValidationError

from core.agent.mcp.http import http_streams
from core.agent.mcp.naming import tool_names
from core.agent.mcp.offered import viewed
from core.agent.mcp.process import ServerProcess
from core.agent.mcp.reasons import reason_of, without_secrets
from core.agent.mcp.results import text_of
from core.agent.mcp.server import Condition, Limits, McpServer, McpToolView, ServerState
from core.agent.tools.tool import Tool, ToolContext
from core.errors import ToolError, ToolUnavailable
from core.logs import log_failure

_log = structlog.get_logger(__name__)
_MOST_TOOLS = 500
_AGAIN_SECONDS = 5.0


class Connection:
    """Lives on the event loop that makes it; only ``state`` may be asked for by other threads."""

    def __init__(self, server: McpServer, limits: Limits) -> None:
        self.server, self._redact = server, without_secrets(server)
        self._views: tuple[McpToolView, ...] = ()
        self._limits = limits
        self._client: Client | None = None
        self._reason: str | None = None
        self._fault: str | None = None
        self._calls = 0
        self._settled = asyncio.Event()
        self._news = asyncio.Event()
        self._ended = False
        self._scope = anyio.CancelScope()
        # Without the context of the turn that happens to be the first to ask.
        self._task = asyncio.create_task(self._keep(), name=f"MCP {server.name}", context=contextvars.Context())
        self._task.add_done_callback(log_failure)

    @property
    def state(self) -> ServerState:
        if self._client:
            return ServerState(self.server.id, "connected", None, self._views)
        condition: Condition = "failed" if self._settled.is_set() else "starting"
        return ServerState(self.server.id, condition, self._reason, self._views)

    @property
    def is_settled(self) -> bool:
        """Whether it is known how the server is doing, so that nobody need wait."""
        return self._settled.is_set()

    async def settled(self) -> None:
        """Wait, but not for long, until it is known whether the server can be talked to."""
        with anyio.move_on_after(self._limits.patience):
            await self._settled.wait()

    def tools(self, taken: Iterable[str]) -> Iterator[Tool]:
        """Yield the tools last known, under names that are not taken."""
        views = [view for view in self._views if view.problem is None]
        names = tool_names(self.server.name, [view.name for view in views], taken)
        for name, view in zip(names, views, strict=True):
            yield Tool(
                name=name,
                description=view.description,
                input_schema=view.input_schema,
                run=partial(self._run, view.name),
                timeout_seconds=self._limits.call,
            )

    async def _run(self, tool: str, arguments: Mapping[str, Any], _: ToolContext) -> str:
        """Raises ToolUnavailable or ToolError, in words for the model."""
        await self.settled()
        if self._client is None:
            raise self._unavailable()
        self._calls += 1
        try:
            return text_of(await self._client.call_tool(tool, dict(arguments)), self._redact)
        except asyncio.CancelledError:
            self._doubt()
            raise
        except MCPError as error:
            self._doubt()
            if error.code == CONNECTION_CLOSED:
                raise self._unavailable() from error
            raise ToolError(f"The server “{self.server.name}” refused: {self._redact(error.message)}") from error
        except (ValidationError, RuntimeError) as error:
            _log.warning("an MCP server's result is not usable", server=self.server.name, exc_info=error)
            raise ToolError(f"The server “{self.server.name}” gave a result that breaks its own rules.") from error
        finally:
            self._calls -= 1

    async def stop(self) -> None:
        """Stop; the process is gone when this returns."""
        self._scope.cancel()
        await asyncio.wait([self._task])
        self._lose()
        self._reason = "It was switched off."
        self._settled.set()

    def _doubt(self) -> None:
        """See whether the server still answers; but one that works on another call may be busy with it."""
        if self._calls == 1:
            self._news.set()

    def _unavailable(self) -> ToolUnavailable:
        """Say it in words of our own: the reason may quote what the server printed."""
        why = f" {self._fault}" if self._fault else ""
        return ToolUnavailable(f"The server “{self.server.name}” does not answer now.{why} Do without it for now.")

    async def _keep(self) -> None:
        """Keep a server: one that fails is started again at once, later only after a pause, until it holds."""
        failures = 0
        with self._scope:
            while True:
                began = monotonic()
                was_connected = await self._live()
                _log.warning("an MCP server failed", server=self.server.name, reason=self._reason)
                held = was_connected and monotonic() - began >= self._limits.healthy
                failures = 1 if held else failures + 1
                pause = self._pause(failures)
                if not was_connected or pause > self._limits.patience:
                    self._settled.set()
                await anyio.sleep(pause)

    def _pause(self, failures: int) -> float:
        if failures == 1:
            return 0
        return min(self._limits.first_pause * 2.0 ** min(failures - 2, 20), self._limits.longest_pause)

    async def _live(self) -> bool:
        """From start to end of one connection; whether there was one. Leaves a reason behind."""
        self._ended, self._news, self._fault = False, asyncio.Event(), None
        process = ServerProcess(self.server, self._on_end) if self.server.transport == "stdio" else None
        was_connected = False
        error: Exception | None = None
        try:
            with anyio.CancelScope(deadline=anyio.current_time() + self._limits.connect) as connecting:
                transport = process.streams() if process else http_streams(self.server)
                async with Client(transport, cache=None, message_handler=self._on_message) as client:
                    await self._list(client)
                    connecting.deadline = math.inf
                    was_connected = True
                    await self._serve(client)
            if connecting.cancelled_caught:
                error = TimeoutError()
        except Exception as caught:  # noqa: BLE001 whatever a server does wrong ends its own connection and nothing else
            error = caught
        self._lose()
        self._reason = (process and process.problem) or reason_of(error, self.server)
        return was_connected

    async def _serve(self, client: Client) -> None:
        """Keep the list of tools as it is there, until the server ends or falls silent."""
        self._client = client
        self._settled.set()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._follow_changes, client)
            await self._keep_list(client)
            tasks.cancel_scope.cancel()

    async def _keep_list(self, client: Client) -> None:
        while not self._ended:
            await self._news.wait()
            self._news.clear()
            if not self._ended:
                await self._list(client)

    async def _list(self, client: Client) -> None:
        tools: list[ServerTool] = []
        cursor: str | None = None
        with anyio.fail_after(self._limits.list):
            while client.server_capabilities.tools and len(tools) < _MOST_TOOLS:
                page = await client.list_tools(cursor=cursor)
                tools += page.tools
                cursor = page.next_cursor
                if cursor is None:
                    break
        self._views = viewed(tools)

    async def _follow_changes(self, client: Client) -> None:
        """Servers of the newest protocol tell of changes only those who listen."""
        capability = client.server_capabilities.tools
        with suppress(ListenNotSupportedError):
            while capability and capability.list_changed:
                with suppress(SubscriptionLost, MCPError):
                    await self._hear_changes(client)
                await anyio.sleep(_AGAIN_SECONDS)

    async def _hear_changes(self, client: Client) -> None:
        async with client.listen(tools_list_changed=True) as changes:
            self._news.set()
            async for _ in changes:
                self._news.set()

    async def _on_message(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._news.set()

    def _on_end(self, why: str) -> None:
        self._ended, self._fault = True, why
        self._lose()
        self._news.set()

    def _lose(self) -> None:
        """Calls from now on wait for the next connection."""
        if self._client is not None:
            self._client = None
            self._settled.clear()
