"""The engine with full books against the bare SDK, both reading the simulator over a socket from another process."""

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import uvloop
from pydantic import SecretStr

from core.chat.turn import Turn
from core.events import Logged, TextDelta, TurnEnded
from core.registry.agents import AgentDraft
from core.settings import Settings
from core.wiring import Services, open_services
from tests.bench.report import Figure, percentile, show

TOKENS = 300
MODEL = "claude-sonnet-5-5"
FLOOD = f"[[plain]] [[tokens: {TOKENS}]] [[pace: 0]]"
PACED = f"[[plain]] [[tokens: {TOKENS}]] [[first: 0]] [[rate: 100]]"


@dataclass(frozen=True, slots=True)
class Run:
    """``chunks`` text deltas read by all streams together; times in seconds."""

    chunks: int
    wall: float
    cpu: float
    first: list[float]


def main() -> None:
    with simulator() as url, services(url) as ours:
        for streams in (1, 50, 200):
            rounds = 40 if streams == 1 else 2
            compare(f"Engine, flood, {streams} streams", ours, url, FLOOD, streams, rounds)
        for streams in (50, 200):
            compare(f"Engine, one token each 10 ms, {streams} streams", ours, url, PACED, streams, 1)


def compare(title: str, ours: Services, url: str, text: str, streams: int, rounds: int) -> None:
    asked = [f"{text} {number}" for number in range(streams)]
    uvloop.run(bare(url, asked[:1]))
    engine(ours, asked[:1])
    base = joined([uvloop.run(bare(url, asked)) for _ in range(rounds)])
    mine = joined([engine(ours, asked) for _ in range(rounds)])
    show(
        title,
        [
            Figure("chunks a second", "1/s", mine.chunks / mine.wall, base.chunks / base.wall),
            Figure("CPU a chunk", "µs", mine.cpu / mine.chunks * 1e6, base.cpu / base.chunks * 1e6),
            Figure("wall time a chunk", "µs", mine.wall / mine.chunks * 1e6, base.wall / base.chunks * 1e6),
            Figure("first text, p50", "ms", percentile(mine.first, 0.5) * 1e3, percentile(base.first, 0.5) * 1e3),
            Figure("first text, p95", "ms", percentile(mine.first, 0.95) * 1e3, percentile(base.first, 0.95) * 1e3),
            Figure("chunks lost", "", float(len(asked) * rounds * TOKENS - mine.chunks), 1.0),
        ],
    )


def joined(runs: list[Run]) -> Run:
    first = [moment for run in runs for moment in run.first]
    return Run(sum(run.chunks for run in runs), sum(run.wall for run in runs), sum(run.cpu for run in runs), first)


async def bare(url: str, texts: list[str]) -> Run:
    """What the SDK's raw events cost when nothing is kept."""
    async with anthropic.AsyncAnthropic(api_key="bench", base_url=url, max_retries=0) as client:
        began, cpu = time.perf_counter(), time.process_time()
        read = await asyncio.gather(*(read_bare(client, text) for text in texts))
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Run(sum(chunks for chunks, _ in read), wall, cpu, [first for _, first in read])


async def read_bare(client: anthropic.AsyncAnthropic, text: str) -> tuple[int, float]:
    began, first, chunks = time.perf_counter(), 0.0, 0
    message: Any = {"role": "user", "content": text}
    async for event in await client.messages.create(model=MODEL, max_tokens=4_000, messages=[message], stream=True):
        if event.type == "content_block_delta":
            chunks += 1
            first = first or time.perf_counter() - began
    return chunks, first


def engine(ours: Services, texts: list[str]) -> Run:
    """The same through turns: history, prompt caching, events, checkpoints, prices and the books."""
    with ThreadPoolExecutor(len(texts)) as pool:
        began, cpu = time.perf_counter(), time.process_time()
        turns = list(pool.map(lambda text: send(ours, text), texts))
        ends = [turn.get(0, 0) if turn.ended else wait(turn) for turn in turns]
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    deltas = [[logged.at for logged in events if isinstance(logged.event, TextDelta)] for events in ends]
    return Run(sum(len(times) for times in deltas), wall, cpu, [times[0] for times in deltas])


def send(ours: Services, text: str) -> Turn:
    agent = next(agent for agent in ours.agents.list(ours.me) if agent.name == "Bench")
    return ours.turns.send(owner=ours.me, agent_id=agent.id, text=text)


def wait(turn: Turn) -> list[Logged]:
    events = turn.get(0, 0)
    while not isinstance(events[-1].event, TurnEnded):
        turn.get(1_000_000, 0.02)
        events = turn.get(0, 0)
    return events


@contextmanager
def services(url: str, data_dir: Path | None = None) -> Iterator[Services]:
    """In a folder that goes with them, unless one is given."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            _env_file=None,
            data_dir=data_dir or Path(folder),
            anthropic_api_key=SecretStr("bench"),
            anthropic_base_url=url,
            answers_at_once=100_000,
            messages_per_day=1_000_000,
        )
        opened = open_services(settings)
        draft = AgentDraft(
            name="Bench",
            description="",
            model=MODEL,
            system_prompt="",
            max_output_tokens=4_000,
            thinking=False,
            starters=(),
        )
        opened.agents.create(opened.me, draft)
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def simulator() -> Iterator[str]:
    """The simulator in a process of its own, so that its work is nobody's CPU time here."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "core.provider.simulator", "--port", str(port)])
    try:
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_port(port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


if __name__ == "__main__":
    main()
