"""An HTTP answer as a plan: what is sent, when, and how it ends. Both transports carry it out."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

End: TypeAlias = Literal["clean", "cut", "hang"]
"""After the last chunk: end in good order, break the connection, or fall silent and keep it open."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes, and how many seconds after the chunk before they are sent."""

    data: bytes
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class WireResponse:
    """``status`` None stands for no answer at all: the connection is refused, or with ``hang`` never answered."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterable[Chunk] = ()
    end: End = "clean"


class Answers(Protocol):
    """Whatever answers requests: the simulator, or a script."""

    def answer(self, request: WireRequest) -> WireResponse: ...


def sse(event: Mapping[str, Any]) -> bytes:
    """One server-sent event, named by its type."""
    data = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"event: {event['type']}\ndata: {data}\n\n".encode()


async def paced(chunks: Iterable[Chunk]) -> AsyncIterator[bytes]:
    """The bytes at their times. A late chunk does not shift those after it, so that the rate holds."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    for chunk in chunks:
        due += chunk.after
        # A pause of nothing still lets other streams, and a cancellation, have their turn.
        await asyncio.sleep(max(0.0, due - loop.time()))
        yield chunk.data
