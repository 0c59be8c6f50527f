"""A server of tools as it is configured, and how it is doing."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Transport: TypeAlias = Literal["stdio", "http"]
Condition: TypeAlias = Literal["starting", "connected", "failed"]

LARGEST_MESSAGE = 4 * 1024 * 1024
"""Bytes of one message of a server; parsing it must not hold up the engine."""


@dataclass(frozen=True, slots=True)
class McpServer:
    """``command``, ``args`` and ``env`` are for stdio, ``url`` and ``headers`` for http.

    The command ``python`` means this installation's own interpreter.
    """

    id: str
    name: str
    transport: Transport
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def command_line(server: McpServer) -> list[str]:
    return [sys.executable if server.command == "python" else server.command, *server.args]


@dataclass(frozen=True, slots=True)
class McpToolView:
    """A tool as its server calls it; ``problem`` says why no agent gets it, if that is so."""

    name: str
    description: str
    input_schema: dict[str, Any]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ServerState:
    """For a page. ``reason`` is that of the last failure, None while connected; ``tools`` are those last known."""

    server_id: str
    condition: Condition
    reason: str | None
    tools: tuple[McpToolView, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """All in seconds. ``patience`` is how long a turn waits for a server that is starting.

    After a crash a server is started again at once, then after ``first_pause``, then after twice as long each time.
    """

    connect: float = 30.0
    list: float = 15.0
    call: float = 60.0
    patience: float = 15.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    healthy: float = 30.0
