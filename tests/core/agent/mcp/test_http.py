"""A server of the SDK's own, over HTTP on a real port: old and new protocol, restarts, refusals, floods."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

import anyio
import pytest
import uvicorn
from mcp.server.mcpserver import Context, Image, MCPServer
from starlette.types import ASGIApp, Receive, Scope, Send

from core.agent.mcp.reasons import without_secrets
from core.agent.mcp.server import McpServer
from core.errors import ToolError, ToolUnavailable
from tests.core.agent.mcp.conftest import Opened, call, state, until

pytestmark = pytest.mark.anyio
Age: TypeAlias = Callable[[ASGIApp], ASGIApp]
SECRET = {"Authorization": "Bearer hunter2"}


def toolbox() -> MCPServer:
    server = MCPServer("toolbox")

    @server.tool()
    def add(a: int, b: int) -> int:
        return a + b

    @server.tool()
    def picture() -> Image:
        return Image(data=b"\x89PNG" + bytes(1000), format="png")

    @server.tool()
    def big(size: int) -> str:
        return "x" * size

    @server.tool()
    async def learn(context: Context) -> str:
        server.add_tool(add, name="sum")
        await context.notify_tools_changed()
        await context.session.send_tool_list_changed()
        return "learnt"

    @server.tool()
    async def sleep() -> None:
        await anyio.sleep(3600)

    return server


class Guarded:
    """Lets in only who brings the secret."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (b"authorization", SECRET["Authorization"].encode()) not in scope["headers"]:
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"who are you?"})
        else:
            await self.app(scope, receive, send)


class Elderly:
    """Knows nothing of the newest protocol."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (b"mcp-protocol-version", b"2026-07-28") in scope["headers"]:
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b"Unsupported protocol version"})
        else:
            await self.app(scope, receive, send)


def as_it_is(app: ASGIApp) -> ASGIApp:
    return app


@contextlib.contextmanager
def serving(app: ASGIApp, port: int = 0) -> Iterator[int]:
    """The port it is served on."""
    listening = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def at(port: int, headers: dict[str, str] | None = None) -> McpServer:
    return McpServer("h", "tool box", "http", url=f"http://127.0.0.1:{port}/mcp", headers=headers or SECRET)


@pytest.fixture(params=[as_it_is, Elderly])
def age(request: pytest.FixtureRequest) -> Age:
    age: Age = request.param
    return age


@pytest.fixture
def port(age: Age) -> Iterator[int]:
    with serving(Guarded(age(toolbox().streamable_http_app()))) as port:
        yield port


async def test_its_tools_are_listed_and_called(opened: Opened, port: int) -> None:
    tools = await opened(at(port)).tools(["h"])
    assert [tool.name for tool in tools][:2] == ["tool_box__add", "tool_box__picture"]
    assert await call(tools, "add", a=2, b=3) == "5"


def test_t9_the_token_of_a_header_is_no_more_told_than_the_whole_of_it() -> None:
    server = at(1, {"Authorization": "Token hunter2-hunter2", "X-Key": "canary-canary"})
    said = without_secrets(server)("Token hunter2-hunter2, hunter2-hunter2, canary-canary")
    assert said == "[secret], [secret], [secret]"


async def test_of_a_picture_kind_and_size_are_told(opened: Opened, port: int) -> None:
    assert await call(await opened(at(port)).tools(["h"]), "picture") == "[image/png, 1,004 bytes, not shown]"


async def test_an_input_that_does_not_fit_is_for_the_model_to_mend(opened: Opened, port: int) -> None:
    with pytest.raises(ToolError, match="valid integer"):
        await call(await opened(at(port)).tools(["h"]), "add", a="two", b=3)


async def test_without_its_secret_it_lets_nobody_in(opened: Opened, port: int) -> None:
    servers = opened(at(port, {"Authorization": "Bearer wrong"}), first_pause=60)
    assert await servers.tools(["h"]) == []
    assert (state(servers).condition, state(servers).reason) == (
        "failed",
        "It answers 401 Unauthorized: check the headers with its secrets.",
    )


async def test_new_tools_are_seen_when_the_server_tells(opened: Opened, port: int) -> None:
    servers = opened(at(port))
    await call(await servers.tools(["h"]), "learn")
    await until(lambda: "sum" in {tool.name for tool in state(servers).tools})


async def test_a_flood_is_cut_off(opened: Opened, port: int) -> None:
    tools = await opened(at(port)).tools(["h"])
    with pytest.raises((ToolError, ToolUnavailable)):
        await call(tools, "big", size=50_000_000)
    assert await call(tools, "add", a=2, b=3) == "5"


async def test_a_call_that_is_given_up_leaves_the_server_to_the_others(opened: Opened, port: int) -> None:
    tools = await opened(at(port)).tools(["h"])
    with anyio.move_on_after(0.2) as limit:
        await call(tools, "sleep")
    assert limit.cancelled_caught
    assert await call(tools, "add", a=2, b=3) == "5"


async def test_where_nothing_listens_is_said(opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    servers = opened(at(port), first_pause=60)
    assert await servers.tools(["h"]) == []
    assert str(state(servers).reason).startswith("It cannot be reached at its address")


async def test_what_is_no_such_server_is_said(opened: Opened) -> None:
    async def hello(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<h1>Hello</h1>"})

    with serving(hello) as port:
        servers = opened(at(port), first_pause=60)
        assert await servers.tools(["h"]) == []
        assert state(servers).reason == "It refused: Unexpected content type: text/html"


async def test_a_server_that_was_away_is_found_again(opened: Opened, age: Age) -> None:
    with serving(age(toolbox().streamable_http_app())) as port:
        tools = await opened(at(port)).tools(["h"])
        assert await call(tools, "add", a=1, b=1) == "2"
    with pytest.raises((ToolUnavailable, ToolError)):
        await call(tools, "add", a=1, b=1)

    async def adds() -> bool:
        try:
            return await call(tools, "add", a=1, b=1) == "2"
        except (ToolUnavailable, ToolError):
            return False

    with serving(age(toolbox().streamable_http_app()), port):
        await until(adds)


@pytest.mark.parametrize("json_response", [True, False])
async def test_every_way_of_answering_is_understood(opened: Opened, json_response: bool) -> None:
    app = toolbox().streamable_http_app(json_response=json_response, stateless_http=json_response)
    with serving(app) as port:
        tools = await opened(at(port)).tools(["h"])
        assert await call(tools, "add", a=2, b=3) == "5"
        with pytest.raises((ToolError, ToolUnavailable)):
            await call(tools, "big", size=10_000_000)
        assert await call(tools, "add", a=2, b=4) == "6"
