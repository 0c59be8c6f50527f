"""Turns of three tool iterations with full books against the bare SDK in a loop, both asking a simulator elsewhere."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import anthropic
import uvloop

from core.events import IterationStarted, TurnEnded
from core.registry.agents import AgentDraft
from core.wiring import Services
from tests.bench.engine import MODEL, services, simulator, wait
from tests.bench.report import Figure, percentile, show

ITERATIONS = 3
TEXT = f"[[pace: 0]] [[say: Done.]] {'[[call: current_time {}]] ' * ITERATIONS}"
TOOL: Any = {
    "name": "current_time",
    "description": "The time.",
    "input_schema": {"type": "object", "properties": {"zone": {"type": "string"}}},
}


@dataclass(frozen=True, slots=True)
class Run:
    """``calls`` of the model by all turns together; times in seconds, one of ``turns`` for each turn."""

    calls: int
    wall: float
    cpu: float
    turns: list[float]


def main() -> None:
    with simulator() as url, services(url) as ours:
        draft = AgentDraft("Tools", "", MODEL, "", 4_000, False, (), tools=("current_time",))
        agent = ours.agents.create(ours.me, draft).id
        for turns, rounds in ((1, 20), (50, 2)):
            compare(ours, agent, url, turns, rounds)


def compare(ours: Services, agent: str, url: str, turns: int, rounds: int) -> None:
    uvloop.run(bare(url, 1))
    engine(ours, agent, 1)
    base = joined([uvloop.run(bare(url, turns)) for _ in range(rounds)])
    mine = joined([engine(ours, agent, turns) for _ in range(rounds)])
    show(
        f"Loop, {turns} turns of {ITERATIONS} tool iterations",
        [
            Figure("wall time a model call", "ms", mine.wall / mine.calls * 1e3, base.wall / base.calls * 1e3),
            Figure("CPU a model call", "ms", mine.cpu / mine.calls * 1e3, base.cpu / base.calls * 1e3),
            Figure("turn, p50", "ms", percentile(mine.turns, 0.5) * 1e3, percentile(base.turns, 0.5) * 1e3),
            Figure("turn, p95", "ms", percentile(mine.turns, 0.95) * 1e3, percentile(base.turns, 0.95) * 1e3),
            Figure("model calls", "", float(mine.calls), float(base.calls)),
        ],
    )


def joined(runs: list[Run]) -> Run:
    took = [turn for run in runs for turn in run.turns]
    return Run(sum(run.calls for run in runs), sum(run.wall for run in runs), sum(run.cpu for run in runs), took)


async def bare(url: str, turns: int) -> Run:
    """The calls alone: no history, prices or books, and tools whose result is there at once."""
    async with anthropic.AsyncAnthropic(api_key="bench", base_url=url, max_retries=0) as client:
        began, cpu = time.perf_counter(), time.process_time()
        read = await asyncio.gather(*(bare_turn(client, f"{TEXT} {number}") for number in range(turns)))
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Run(sum(calls for calls, _ in read), wall, cpu, [took for _, took in read])


async def bare_turn(client: anthropic.AsyncAnthropic, text: str) -> tuple[int, float]:
    began, calls = time.perf_counter(), 0
    messages: list[Any] = [{"role": "user", "content": text}]
    while True:
        calls += 1
        async with client.messages.stream(model=MODEL, max_tokens=4_000, messages=messages, tools=[TOOL]) as stream:
            message = await stream.get_final_message()
        if message.stop_reason != "tool_use":
            return calls, time.perf_counter() - began
        used = [block.id for block in message.content if block.type == "tool_use"]
        given = [{"type": "tool_result", "tool_use_id": each, "content": "Now."} for each in used]
        messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": given}]


def engine(ours: Services, agent: str, turns: int) -> Run:
    """The same through turns, whose tools run."""
    with ThreadPoolExecutor(turns) as pool:
        began, cpu = time.perf_counter(), time.process_time()
        started = list(
            pool.map(lambda n: ours.turns.send(owner=ours.me, agent_id=agent, text=f"{TEXT} {n}"), range(turns))
        )
        ends = [wait(turn) for turn in started]
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert all(isinstance(end := events[-1].event, TurnEnded) and end.status == "completed" for events in ends)
    calls = sum(isinstance(logged.event, IterationStarted) for events in ends for logged in events)
    return Run(calls, wall, cpu, [events[-1].at for events in ends])


if __name__ == "__main__":
    main()
