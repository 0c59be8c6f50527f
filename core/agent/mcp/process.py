"""A stdio server's process: its messages, its standard error in the log, and an end that leaves nothing behind."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

import anyio
import structlog
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.os.posix.utilities import terminate_posix_process_tree
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from core.agent.mcp.reasons import without_secrets
from core.agent.mcp.server import LARGEST_MESSAGE, McpServer, command_line
from core.children import tied
from core.place import PROJECT

_log = structlog.get_logger(__name__)

Incoming: TypeAlias = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing: TypeAlias = MemoryObjectSendStream[SessionMessage]

_ENDED = "It ended."
_GRACE_SECONDS = 1.0
_MOST_LOGGED = 2_000
_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class ServerProcess:
    """``on_end`` is told why the server can be talked to no more; ``problem`` may say it better in the end.

    The SDK's own client for stdio takes a minute for one message of 50 MB and keeps everything else waiting meanwhile;
    this one gives the server up as soon as a message is larger than allowed.
    """

    def __init__(self, server: McpServer, on_end: Callable[[str], None]) -> None:
        self._server, self._on_end = server, on_end
        self._redact = without_secrets(server)
        self._last_words = ""
        self._end: str | None = None
        self._wrote_garbage = self._stopping = False

    @property
    def problem(self) -> str | None:
        """None while nothing is known to be wrong."""
        return self._end and " ".join(filter(None, (self._end, self._last_words)))

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[tuple[Incoming, Outgoing]]:
        """Raises OSError if the command cannot be started."""
        environment = {**get_default_environment(), **self._server.env}
        command = tied(command_line(self._server), environment)
        process = await anyio.open_process(command, env=environment, cwd=PROJECT, start_new_session=True)
        assert process.stdin
        assert process.stdout
        assert process.stderr
        heard, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        outgoing, to_write = anyio.create_memory_object_stream[SessionMessage](0)
        async with heard, incoming, outgoing, to_write, anyio.create_task_group() as tasks:
            tasks.start_soon(self._read, process.stdout, heard)
            tasks.start_soon(self._write, process.stdin, to_write)
            tasks.start_soon(self._listen, process.stderr)
            try:
                yield incoming, outgoing
            finally:
                with anyio.CancelScope(shield=True):
                    await self._stop(process)
                tasks.cancel_scope.cancel()

    async def _read(self, stdout: ByteReceiveStream, heard: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        with heard, suppress(*_GONE):
            async for line in _lines(stdout):
                if line is None:
                    self._ended(f"It sent a message of more than {LARGEST_MESSAGE:,} bytes.")
                    return
                if message := self._message(line):
                    await heard.send(message)
        self._ended(_ENDED)

    def _message(self, line: bytes) -> SessionMessage | None:
        """Read a message; None for what is none: servers that print now and then are common."""
        try:
            return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
        except ValueError:
            if not self._wrote_garbage and line.strip():
                text = self._redact(line[:_MOST_LOGGED].decode(errors="replace"))
                _log.warning("an MCP server wrote what is no message", server=self._server.name, text=text)
                self._wrote_garbage = True
            return None

    async def _write(self, stdin: ByteSendStream, to_write: MemoryObjectReceiveStream[SessionMessage]) -> None:
        with to_write, suppress(*_GONE):
            async for item in to_write:
                await stdin.send(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
            return
        self._ended("It closed its input.")

    async def _listen(self, stderr: ByteReceiveStream) -> None:
        with suppress(*_GONE):
            async for chunk in stderr:
                text = self._redact(chunk[-_MOST_LOGGED:].decode(errors="replace")).strip()
                if text:
                    _log.info("an MCP server wrote to its standard error", server=self._server.name, text=text)
                    self._last_words = text.splitlines()[-1][:300]

    def _ended(self, why: str) -> None:
        if self._end is None and not self._stopping:
            self._end = why
            self._on_end(why)

    async def _stop(self, process: Process) -> None:
        """Ask it to go by closing its input; then whatever it started goes with it."""
        self._stopping = True
        assert process.stdin
        with suppress(*_GONE):
            await process.stdin.aclose()
        await _exited(process)
        if self._end == _ENDED and process.returncode:
            self._end = f"It ended with code {process.returncode}."
        if os.name == "posix":
            await terminate_posix_process_tree(process, _GRACE_SECONDS)
        elif process.returncode is None:
            process.kill()
        await _exited(process)
        with suppress(*_GONE), anyio.move_on_after(_GRACE_SECONDS):
            await process.aclose()


async def _exited(process: Process) -> None:
    """Look whether it has exited: waiting would also wait for others who hold its pipes."""
    with anyio.move_on_after(_GRACE_SECONDS):
        while process.returncode is None:  # noqa: ASYNC110
            await anyio.sleep(0.005)


async def _lines(stream: ByteReceiveStream) -> AsyncIterator[bytes | None]:
    """Each line; None, and no more, when one is larger than a message may be."""
    parts: list[bytes] = []
    size = 0
    async for chunk in stream:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            yield b"".join([*parts, line])
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > LARGEST_MESSAGE:
            yield None
            return
