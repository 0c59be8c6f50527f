"""Against a server that nobody here wrote: the reference one for time and zones."""

import json

import pytest

from core.agent.mcp.server import McpServer
from core.errors import ToolError
from tests.core.agent.mcp.conftest import Opened, call, state

pytestmark = pytest.mark.anyio

TIME = McpServer("w", "Time", "stdio", command="python", args=("-m", "mcp_server_time", "--local-timezone", "UTC"))
HALF_PAST_NINE = {"source_timezone": "Asia/Kathmandu", "time": "09:30", "target_timezone": "UTC"}


async def test_its_tools_are_offered_and_answer(opened: Opened) -> None:
    servers = opened(TIME)
    tools = await servers.tools(["w"])
    assert state(servers).condition == "connected"
    assert {tool.name for tool in tools} == {"Time__get_current_time", "Time__convert_time"}
    said = json.loads(await call(tools, "convert_time", **HALF_PAST_NINE))
    assert said["target"]["datetime"].endswith("T03:45:00+00:00")


async def test_what_it_refuses_is_a_failed_result_and_it_goes_on(opened: Opened) -> None:
    tools = await opened(TIME).tools(["w"])
    with pytest.raises(ToolError, match="Mars"):
        await call(tools, "get_current_time", timezone="Mars/Base")
    assert json.loads(await call(tools, "get_current_time", timezone="Asia/Kathmandu"))["timezone"] == "Asia/Kathmandu"
