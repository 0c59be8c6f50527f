"""``python -m tests.bench bill``: random turns with faults against an upstream that keeps a bill of its own.

Replies that finished must equal that bill to the nano-dollar. Of those that did not, the books' estimates are compared
with it by fault and by script of the text. How many characters a token has, by script, was measured in use.
"""

import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select

from core.clock import now
from core.events import TextDelta, TurnEnded
from core.provider.anthropic.client import open_provider
from core.provider.simulator.scripted import ending, failed, message_start, text_block
from core.provider.simulator.transport import WireTransport
from core.provider.simulator.wire import Chunk, WireRequest, WireResponse, sse
from core.registry.agents import AgentDraft
from core.settings import Settings
from core.store.tables import LedgerLine
from core.wiring import Services, open_services

TURNS = int(os.environ.get("BENCH_TURNS", "3000"))
MODELS = {"claude-sonnet-4-5-20250929": Decimal(1), "claude-sonnet-5-5": Decimal("1.3")}
"""How many times the tokens of the older generation a text has."""
FAULTS = {
    "finished": 60,
    "cut": 10,
    "cut, prompt not told": 5,
    "stopped": 10,
    "refused": 5,
    "never connected": 5,
    "no answer": 5,
}
CHARACTERS_A_TOKEN = {
    "English": (
        Decimal("4.03"),
        "The clerk wrote every order into the ledger before the shop was opened. ",
    ),
    "code": (Decimal("2.81"), "for row in rows:\n    total += row.amount if row.known else None\n"),
    "German": (Decimal("2.70"), "Die Buchhaltung prüft jede Rechnung, bevor das Geld überwiesen wird. "),
    "JSON": (Decimal("2.38"), '{"id": 4711, "name": "Ada", "tags": ["a", "b"], "open": true}, '),
    "digits": (Decimal("2.16"), "48151 62342 10000 99871 55120 "),
    "Russian": (Decimal("1.76"), "Каждая строка книги записана до того, как деньги потрачены. "),
    "Chinese": (Decimal("1.33"), "每一笔费用在付款之前都会写进账本，并且说明原因。"),
    "Japanese": (Decimal("1.22"), "お金を使う前に、すべての行を帳簿に書きます。"),
    "Hindi": (Decimal("1.19"), "पैसा खर्च होने से पहले हर पंक्ति बही में लिखी जाती है। "),
    "emoji": (Decimal("1.48"), "🙂🚀📚💸🧾✅🌍🎉"),
}
_CHUNKS = 40


@dataclass
class Case:
    """One turn; ``billed`` is what the upstream would ask for it, in nano-dollars."""

    number: int
    model: str
    script: str
    fault: str
    length: int
    billed: int = 0
    booked: int | None = 0
    ended: TurnEnded | None = None
    shown: int = field(default=0)

    @property
    def words(self) -> str:
        sample = CHARACTERS_A_TOKEN[self.script][1]
        return (sample * (self.length // len(sample) + 1))[: self.length]

    def tokens(self, text: str) -> int:
        return max(1, round(len(text) / CHARACTERS_A_TOKEN[self.script][0] * MODELS[self.model]))


class Upstream:
    """Answers each case by the number in its message, and keeps the bill."""

    def __init__(self, cases: list[Case], prices: dict[str, dict[str, Decimal]], random: Random) -> None:
        self._cases, self._prices, self._random = cases, prices, random

    def answer(self, request: WireRequest) -> WireResponse:
        said = request.json()["messages"][-1]["content"]
        text = said if isinstance(said, str) else "".join(part.get("text", "") for part in said)
        case = self._cases[int(text.partition(" ")[0])]
        match case.fault:
            case "refused":
                return failed(529, "overloaded_error", "Overloaded")
            case "never connected":
                return WireResponse(None)
            case "no answer":
                return WireResponse(None, end="hang")
        usage = {"input_tokens": case.tokens(text) + 12, "output_tokens": 1}
        if case.fault == "finished":
            usage |= {"cache_read_input_tokens": self._random.choice([0, 5_000])}
            usage |= {"cache_creation_input_tokens": self._random.choice([0, 1_100])}
        end = "clean" if case.fault in ("finished", "stopped") else "cut"
        headers = {"content-type": "text/event-stream", "request-id": f"req_{case.number}"}
        return WireResponse(200, headers, self._stream(case, usage), end)  # type: ignore[arg-type]

    def _stream(self, case: Case, usage: dict[str, int]) -> Iterator[Chunk]:
        """What is taken off the wire is what was written, and billed."""
        told = dict.fromkeys(usage, 0) if case.fault == "cut, prompt not told" else usage
        size = max(1, len(case.words) // _CHUNKS)
        pieces = [case.words[at : at + size] for at in range(0, len(case.words), size)]
        stop = self._random.randint(1, len(pieces)) if case.fault.startswith("cut") else len(pieces)
        self._bill(case, usage, 0)
        yield Chunk(sse(message_start(case.model, told)))
        start, *deltas, last = text_block(*pieces)
        yield Chunk(sse({**start, "index": 0}))
        for number, delta in enumerate(deltas[:stop], 1):
            self._bill(case, usage, case.tokens("".join(pieces[:number])))
            yield Chunk(sse({**delta, "index": 0}), 0.004 if case.fault == "stopped" else 0.0)
        if case.fault.startswith("cut"):
            return
        yield Chunk(sse({**last, "index": 0}))
        whole = {**usage, "output_tokens": case.tokens(case.words)}
        for event in ending(whole):
            yield Chunk(sse(event))

    def _bill(self, case: Case, usage: dict[str, int], output: int) -> None:
        price = self._prices[case.model]
        counts = {
            "input": usage["input_tokens"],
            "cache_write_5m": usage.get("cache_creation_input_tokens", 0),
            "cache_read": usage.get("cache_read_input_tokens", 0),
            "output": output,
        }
        case.billed = sum(_nanos(count, price[unit]) for unit, count in counts.items())


def _nanos(count: int, usd_per_million: Decimal) -> int:
    return int((count * usd_per_million * 1_000).quantize(Decimal(1), ROUND_HALF_EVEN))


def cases(random: Random) -> list[Case]:
    faults, weights = zip(*FAULTS.items(), strict=True)
    return [
        Case(
            number,
            random.choice([*MODELS]),
            random.choice([*CHARACTERS_A_TOKEN]),
            random.choices(faults, weights)[0],
            random.randint(400, 4_000),
        )
        for number in range(TURNS)
    ]


def play(services: Services, agents: dict[str, str], case: Case) -> None:
    text = f"{case.number} {case.words}"
    turn = services.turns.send(owner=services.me, agent_id=agents[case.model], text=text)
    seen = 0
    while case.ended is None:
        batch = turn.get(seen, 60)
        assert batch, f"turn {case.number} fell silent"
        seen += len(batch)
        for logged in batch:
            case.shown += isinstance(logged.event, TextDelta)
            if isinstance(logged.event, TurnEnded):
                case.ended = logged.event
        if case.fault == "stopped" and case.shown > 3 and case.ended is None:
            turn.stop()
    amount = select(func.sum(LedgerLine.__table__.c.amount_nanos)).where(
        LedgerLine.__table__.c.task_trace_id == turn.id
    )
    with services.store.read() as connection:
        case.booked = int(connection.execute(amount).scalar() or 0)


def main() -> None:
    random = Random(int(os.environ.get("BENCH_SEED", "7")))
    every = cases(random)
    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {"data_dir": Path(folder), "attempts": 1, "read_seconds": 2, "drain_seconds": 0}
        settings |= {"answers_at_once": 64, "messages_per_day": 10**6, "anthropic_api_key": "sk-ant-bench-bench-bench"}
        chosen = Settings(_env_file=None, **settings)
        upstream = Upstream(every, {}, random)
        services = open_services(chosen, open_provider(chosen, WireTransport(upstream)))
        try:
            for model in MODELS:
                card = services.book.rate_card(model, now())
                assert card is not None
                upstream._prices[model] = {unit: Decimal(price) for unit, price in card.usd_per_million.items()}
            agents = {
                model: services.agents.create(services.me, AgentDraft(f"Bill {n}", "", model, "", 8_000, False, ())).id
                for n, model in enumerate(MODELS)
            }
            with ThreadPoolExecutor(16) as pool:
                list(pool.map(lambda case: play(services, agents, case), every))
        finally:
            services.close()
    report(every)


def report(every: list[Case]) -> None:
    finished = [case for case in every if case.fault == "finished"]
    exact = sum(case.booked == case.billed for case in finished)
    say(f"{len(every):,} turns; of {len(finished):,} that finished {exact:,} equal the bill to the nano-dollar")
    for case in finished:
        if case.booked != case.billed:
            say(f"  turn {case.number}: booked {case.booked}, billed {case.billed}: {case.ended}")
    by_fault, by_script = defaultdict[str, list[Case]](list), defaultdict[str, list[Case]](list)
    for case in every:
        if case.fault != "finished":
            by_fault[case.fault].append(case)
            if case.billed:
                by_script[case.script].append(case)
    for title, groups in (("by fault", by_fault), ("by script", by_script)):
        say(f"\nbooked / billed {title:<12} turns    p5   p50   p95   sum      booked      billed")
        for name, group in groups.items():
            ratios = sorted((case.booked or 0) / case.billed for case in group if case.billed) or [0.0]
            cut = [ratios[min(len(ratios) - 1, int(len(ratios) * part))] for part in (0.05, 0.5, 0.95)]
            booked, billed = (sum(case.booked or 0 for case in group), sum(case.billed for case in group))
            whole = booked / billed if billed else float("nan")
            shares = " ".join(f"{each:5.2f}" for each in cut)
            say(f"{name:<28} {len(group):5}  {shares} {whole:5.2f} ${booked / 1e9:9.4f}  ${billed / 1e9:9.4f}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
