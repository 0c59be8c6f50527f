"""Servers that crash, hang, babble and flood: each call has an answer, and the next one finds a server again."""

import json
import os
import signal
from pathlib import Path

import anyio
import psutil
import pytest

from core.agent.mcp.server import McpServer
from core.agent.mcp.servers import McpServers
from core.errors import StoreError, ToolError, ToolUnavailable
from tests.core.agent.mcp.conftest import PATIENT, Opened, call, state, until, wicked
from tests.core.agent.mcp.wicked import TOOLS

pytestmark = pytest.mark.anyio


async def test_tools_of_all_pages_are_offered_but_those_that_the_provider_would_refuse(opened: Opened) -> None:
    servers = opened(wicked())
    tools = await servers.tools(["w"])
    seen = {tool.name: tool.problem for tool in state(servers).tools}
    assert (state(servers).condition, state(servers).reason) == ("connected", None)
    assert {name for name, problem in seen.items() if problem} == {"either", "odd"}
    assert [tool.name for tool in tools] == [f"wicked__{name}" for name in TOOLS if not seen[name]]


async def test_texts_come_as_lines(opened: Opened) -> None:
    tools = await opened(wicked()).tools(["w"])
    assert await call(tools, "echo", text="one|two ä\u2028|") == "one\ntwo ä\u2028\n"


async def test_a_server_is_started_once_and_kept(opened: Opened) -> None:
    servers = opened(wicked())
    first = await call(await servers.tools(["w"]), "pid")
    assert await call(await servers.tools(["w"]), "pid") == first


async def test_calls_at_the_same_time_get_their_own_answers(opened: Opened) -> None:
    tools = await opened(wicked()).tools(["w"])
    answers: dict[str, str] = {}

    async def ask(text: str) -> None:
        answers[text] = await call(tools, "echo", text=text)

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(ask, str(number))
    assert answers == {str(number): str(number) for number in range(50)}


async def test_a_killed_server_is_there_again_for_the_next_call(opened: Opened) -> None:
    servers = opened(wicked())
    tools = await servers.tools(["w"])
    for _ in range(3):
        pid = int(await call(tools, "pid"))
        os.kill(pid, signal.SIGKILL)
        await until(lambda pid=pid: not psutil.pid_exists(pid))
        assert int(await call(tools, "pid")) != pid
    assert state(servers).condition == "connected"


async def test_t9_a_crash_during_a_call_is_an_answer_and_no_answer_holds_a_secret(opened: Opened) -> None:
    servers = opened(wicked(KEY="hunter2-secret"))
    tools = await servers.tools(["w"])
    with pytest.raises(ToolUnavailable, match=r"^The server “wicked” does not answer now\. It ended\. Do without"):
        await call(tools, "crash")
    assert await call(tools, "echo", text="again") == "again"
    assert await call(tools, "echo", text="a hunter2-secret is kept") == "a [secret] is kept"
    failure = json.dumps([{"type": "text", "text": "no hunter2-secret"}])
    with pytest.raises(ToolError, match=r"^no \[secret\]$"):
        await call(tools, "content", blocks=failure, failed=True)


async def test_a_server_that_crashes_at_start_says_why_and_keeps_no_turn_waiting(opened: Opened) -> None:
    servers = opened(wicked("crash_at_start", KEY="hunter2-secret"), first_pause=60)
    assert await servers.tools(["w"]) == []
    failed = state(servers)
    assert (failed.condition, failed.tools) == ("failed", ())
    assert failed.reason == "It ended with code 1. no database: [secret]"
    with anyio.fail_after(5):
        assert await servers.tools(["w"]) == []


async def test_a_server_that_fails_once_is_tried_again(opened: Opened, tmp_path: Path) -> None:
    servers = opened(wicked(f"crash_once:{tmp_path / 'starts'}"))
    await servers.tools(["w"])
    await until(lambda: state(servers).condition == "connected")


async def test_a_server_that_hangs_at_start_is_given_up(opened: Opened) -> None:
    servers = opened(wicked("hang_at_start"), connect=0.5, first_pause=60)
    assert await servers.tools(["w"]) == []
    assert (state(servers).condition, state(servers).reason) == ("failed", "It did not answer in time.")


async def test_a_turn_does_not_wait_long_for_a_server_that_starts(opened: Opened) -> None:
    servers = opened(wicked("hang_at_start"), patience=0.1)
    assert await servers.tools(["w"]) == []
    assert state(servers).condition == "starting"


async def test_a_call_that_is_given_up_leaves_the_server_to_the_others(opened: Opened) -> None:
    servers = opened(wicked())
    tools = await servers.tools(["w"])
    pid = await call(tools, "pid")
    with anyio.move_on_after(0.2) as limit:
        await call(tools, "hang")
    assert limit.cancelled_caught
    assert await call(tools, "pid") == pid


async def test_a_server_that_is_busy_with_another_call_is_let_be(opened: Opened) -> None:
    servers = opened(wicked(), list=0.2)
    tools = await servers.tools(["w"])
    pid = await call(tools, "pid")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call, tools, "nap")
        with anyio.move_on_after(0.1):
            await call(tools, "hang")
    assert await call(tools, "pid") == pid


async def test_a_server_that_answers_nobody_any_more_is_started_again(opened: Opened) -> None:
    servers = opened(wicked(), list=1.0)
    tools = await servers.tools(["w"])
    pid = await call(tools, "pid")
    with anyio.move_on_after(0.2):
        await call(tools, "freeze")
    await until(lambda: state(servers).condition != "connected")
    assert await call(tools, "pid") != pid


async def test_a_server_that_closes_its_input_is_started_again(opened: Opened) -> None:
    servers = opened(wicked(), list=1.0)
    tools = await servers.tools(["w"])
    with anyio.move_on_after(0.2):
        await call(tools, "close_input")
    await until(lambda: state(servers).condition != "connected")
    assert await call(tools, "echo", text="again") == "again"


async def test_what_a_server_prints_between_messages_is_passed_over(opened: Opened) -> None:
    tools = await opened(wicked("garbage")).tools(["w"])
    assert await call(tools, "echo", text="clear") == "clear"


async def test_a_flood_is_cut_off_and_the_server_started_again(opened: Opened) -> None:
    servers = opened(wicked())
    tools = await servers.tools(["w"])
    assert len(await call(tools, "big", size=4_000_000)) == 4_000_000
    with pytest.raises(ToolUnavailable, match="It sent a message of more than 4,194,304 bytes"):
        await call(tools, "big", size=50_000_000)
    assert await call(tools, "echo", text="again") == "again"


async def test_an_error_of_a_tool_is_for_the_model_to_read(opened: Opened) -> None:
    tools = await opened(wicked()).tools(["w"])
    blocks = json.dumps([{"type": "text", "text": "No such person."}])
    with pytest.raises(ToolError, match=r"^No such person\.$"):
        await call(tools, "content", blocks=blocks, failed=True)
    with pytest.raises(ToolError, match="refused: text is too short"):
        await call(tools, "refuse", text="text is too short")


async def test_a_result_that_is_none_is_an_error(opened: Opened) -> None:
    tools = await opened(wicked()).tools(["w"])
    with pytest.raises(ToolError, match="breaks its own rules"):
        await call(tools, "content", blocks='[{"type": "smell"}]')


async def test_new_tools_are_seen_when_the_server_tells(opened: Opened) -> None:
    servers = opened(wicked())
    assert await call(await servers.tools(["w"]), "learn", text="sing") == "learnt"
    await until(lambda: "sing" in {tool.name for tool in state(servers).tools})
    assert "wicked__sing" in {tool.name for tool in await servers.tools(["w"])}


async def test_a_server_sees_little_of_our_environment(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk")
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    tools = await opened(wicked(TOKEN="mine")).tools(["w"])
    seen = json.loads(await call(tools, "environment"))
    assert seen["TOKEN"] == "mine"
    assert set(seen) <= {"TOKEN", "HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LC_CTYPE"}


async def test_children_of_a_server_go_with_it(opened: Opened) -> None:
    servers = opened(wicked())
    child = int(await call(await servers.tools(["w"]), "breed"))
    await servers.close()
    await until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


async def test_a_server_that_breaks_the_protocol_is_told_where(opened: Opened) -> None:
    servers = opened(wicked("wrong_list"), first_pause=60)
    assert await servers.tools(["w"]) == []
    assert state(servers).reason == "It breaks the protocol: tools.0.inputSchema.type: Input should be 'object'"


async def test_a_program_that_is_not_there_is_named(opened: Opened) -> None:
    servers = opened(McpServer("x", "missing", "stdio", "no-such-program"))
    assert await servers.tools(["x"]) == []
    assert state(servers).reason == "There is no program called no-such-program here."


async def test_changes_of_the_configuration_hold_at_the_next_question(opened: Opened) -> None:
    configured = [wicked(TOKEN="old")]
    servers = McpServers(lambda: tuple(configured), PATIENT)
    before = json.loads(await call(await servers.tools(["w"]), "environment"))
    configured[:] = [wicked(TOKEN="new")]
    after = json.loads(await call(await servers.tools(["w"]), "environment"))
    configured.clear()
    assert (before["TOKEN"], after["TOKEN"], await servers.tools(["w"]), servers.states()) == ("old", "new", [], [])
    await servers.close()


async def test_without_a_database_the_servers_known_go_on(opened: Opened) -> None:
    answers: list[tuple[McpServer, ...] | StoreError] = [(wicked(),)]

    def active() -> tuple[McpServer, ...]:
        if isinstance(answers[0], StoreError):
            raise answers[0]
        return answers[0]

    servers = McpServers(active, PATIENT)
    await servers.tools(["w"])
    answers[0] = StoreError("The database is away.")
    assert await call(await servers.tools(["w"]), "echo", text="still") == "still"
    await servers.close()


async def test_a_server_that_failed_can_be_started_at_once(opened: Opened) -> None:
    servers = opened(wicked("crash_at_start"), first_pause=60)
    await servers.tools(["w"])
    await servers.restart("w")
    assert servers.states() == []
    await servers.tools(["w"])
    assert state(servers).condition == "failed"


async def test_after_closing_there_are_no_tools(opened: Opened) -> None:
    servers = opened(wicked())
    tools = await servers.tools(["w"])
    await servers.close()
    with pytest.raises(ToolUnavailable):
        await call(tools, "echo", text="late")
    assert await servers.tools(["w"]) == []
