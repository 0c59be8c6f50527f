"""From the provider's socket to a program's: our route with full books against routes that keep nothing.

Every server is a process of its own and asks the same provider over loopback. LiteLLM's pass-through is one more
baseline where its command ``litellm`` is found, or named by LITELLM: it is not among what the tests install.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import uvloop

from core.place import PROJECT
from tests.bench.engine import MODEL, free_port, services, wait_for_port
from tests.bench.load import Asked, Read, read_all
from tests.bench.report import percentile
from tests.bench.upstream import DELTAS, PACED, SHORT
from tests.served import served

OURS, SDK, WIRE, LITELLM = "ours, full books", "SDK raw events, no books", "wire read by hand, no books", "LiteLLM"
_START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Way:
    """One way to an answer: the process that serves it, and what to ask for a message."""

    name: str
    process: psutil.Process
    ask: Callable[[str], Asked]

    def cpu(self) -> float:
        spent = self.process.cpu_times()
        return spent.user + spent.system


@dataclass(frozen=True, slots=True)
class Run:
    wall: float
    cpu: float
    reads: list[Read]

    @property
    def chunks(self) -> int:
        return sum(len(read.took) for read in self.reads)


@dataclass(frozen=True, slots=True)
class Scenario:
    title: str
    text: str
    streams: int
    rounds: int
    deltas: int = DELTAS


SCENARIOS = (
    Scenario("flood, 1 stream", "Go.", 1, 12),
    Scenario("flood, 50 streams", "Go.", 50, 2),
    Scenario("flood, 200 streams", "Go.", 200, 1),
    Scenario("a delta each 10 ms, 50 streams", PACED, 50, 2),
    Scenario("a delta each 10 ms, 200 streams", PACED, 200, 1),
    Scenario("three deltas, 1 stream after the other", SHORT, 1, 60, 3),
)


def main() -> None:
    only = os.environ.get("BENCH_ROUTE", "")
    with paths() as ways:
        for way in ways:
            uvloop.run(read_all([way.ask("Go.")] * 3))
        for scenario in SCENARIOS:
            if only in scenario.title:
                tell(scenario, measured(ways, scenario))


def measured(ways: Sequence[Way], scenario: Scenario) -> dict[str, list[Run]]:
    """Each way in turn, round by round, so that what else the machine does falls on all alike."""
    runs: dict[str, list[Run]] = {way.name: [] for way in ways}
    for _ in range(scenario.rounds):
        for way in ways:
            runs[way.name].append(run(way, scenario))
    return runs


def run(way: Way, scenario: Scenario) -> Run:
    asked = [way.ask(f"{scenario.text} {number}") for number in range(scenario.streams)]
    began, cpu = time.perf_counter(), way.cpu()
    reads = uvloop.run(read_all(asked))
    return Run(time.perf_counter() - began, way.cpu() - cpu, reads)


def tell(scenario: Scenario, runs: dict[str, list[Run]]) -> None:
    print(f"\n## Route, {scenario.title}\n")
    print("| path | chunks/s | CPU s per 1,000 chunks | first text p50, ms | chunk p99, ms | lost | CPU ms an answer |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    figures = {name: _figures(scenario, each) for name, each in runs.items()}
    for name, (rate, cpu, first, late, lost, answer) in figures.items():
        print(f"| {name} | {rate:,.0f} | {cpu:.3f} | {first:,.1f} | {late:,.1f} | {lost:,.0f} | {answer:,.1f} |")
    mine = figures[OURS]
    for name, theirs in figures.items():
        if name != OURS:
            ratios = [f"{a / b:.2f}" if b else "–" for a, b in zip(mine, theirs, strict=True)]
            print(f"| ours : {name} | {' | '.join(ratios[:4])} | | {ratios[5]} |")
    sys.stdout.flush()


def _figures(scenario: Scenario, runs: list[Run]) -> tuple[float, ...]:
    chunks, cpu = sum(each.chunks for each in runs), sum(each.cpu for each in runs)
    reads = [read for each in runs for read in each.reads]
    lost = len(reads) * scenario.deltas - chunks
    late = percentile([took for read in reads for took in read.took], 0.99)
    return (
        chunks / sum(each.wall for each in runs),
        cpu / chunks * 1e3,
        percentile([read.first for read in reads], 0.5) * 1e3,
        late * 1e3,
        lost,
        cpu / len(reads) * 1e3,
    )


@contextmanager
def paths() -> Iterator[list[Way]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(_started(lambda port: [sys.executable, "-m", "tests.bench.upstream", str(port)])).url
        ours = stack.enter_context(_ours(url, folder))
        bare = stack.enter_context(_started(_bare, BENCH_URL=url))
        ways = [
            ours,
            Way(SDK, bare.process, lambda text: Asked(f"{bare.url}/sdk", {"message": text})),
            Way(WIRE, bare.process, lambda text: Asked(f"{bare.url}/wire", {"message": text})),
        ]
        command = os.environ.get("LITELLM") or shutil.which("litellm")
        if command:
            ways.append(stack.enter_context(_litellm(command, url, folder)))
        yield ways


@dataclass(frozen=True, slots=True)
class _Server:
    url: str
    process: psutil.Process


@contextmanager
def _started(command: Callable[[int], list[str]], **environment: str) -> Iterator[_Server]:
    port = free_port()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command(port), cwd=PROJECT, env={**os.environ, **environment}, stdout=out, stderr=out
        )
        try:
            wait_for_port(port, _START_SECONDS)
            yield _Server(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
        finally:
            process.kill()
            process.wait(10)


def _bare(port: int) -> list[str]:
    script = str(Path(__file__).with_name("bare_routes.py"))
    options = ["--server.headless=true", "--server.address=127.0.0.1", "--browser.gatherUsageStats=false"]
    return [sys.executable, "-m", "streamlit", "run", script, f"--server.port={port}", *options]


@contextmanager
def _ours(url: str, folder: Path) -> Iterator[Way]:
    """The product as it is started, without sign-in, with an agent."""
    data = folder / "data"
    data.mkdir()
    with services(url, data) as opened:
        agent = next(agent for agent in opened.agents.list(opened.me) if agent.name == "Bench").id
    chosen: dict[str, Any] = {
        "ANTHROPIC_API_KEY": "bench",
        "ANTHROPIC_BASE_URL": url,
        "ANSWERS_AT_ONCE": "100000",
        "MESSAGES_PER_DAY": "1000000",
        "REQUESTS_PER_MINUTE": "1000000",
    }
    with served(data, **chosen) as server:
        address = server.url.replace("localhost", "127.0.0.1") + "/api/command-center/message"
        process = psutil.Process(server.process.pid)
        yield Way(OURS, process, lambda text: Asked(address, {"agentId": agent, "message": text}))


@contextmanager
def _litellm(command: str, url: str, folder: Path) -> Iterator[Way]:
    config = folder / "litellm.yaml"
    config.write_text(
        f"model_list:\n  - model_name: {MODEL}\n    litellm_params:\n"
        f"      model: anthropic/{MODEL}\n      api_base: {url}\n      api_key: bench\n"
        "general_settings:\n  master_key: sk-bench\n"
    )
    options = ["--config", str(config), "--host", "127.0.0.1", "--num_workers", "1", "--telemetry", "False"]
    with _started(lambda port: [command, *options, "--port", str(port)], LITELLM_LOG="ERROR") as server:
        _await(f"{server.url}/health/liveliness")

        def ask(text: str) -> Asked:
            message = {"role": "user", "content": text}
            body = {"model": MODEL, "max_tokens": 4_000, "stream": True, "messages": [message]}
            return Asked(
                f"{server.url}/v1/messages", body, {"x-api-key": "sk-bench", "anthropic-version": "2023-06-01"}
            )

        yield Way(LITELLM, server.process, ask)


def _await(url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx2.get(url, timeout=5).status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.1)
    raise TimeoutError(url)


if __name__ == "__main__":
    main()
