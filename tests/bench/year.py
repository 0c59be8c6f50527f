"""A year of traces as numbers: who asked which agent on which model and when, what it used and what that cost.

Conversations begin as working life has it: in office hours, on weekdays, ever more of them. The same seed makes the
same year.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.pricing import price_book
from core.provider.models import MODELS

Numbers: TypeAlias = NDArray[np.int64]
Batch: TypeAlias = dict[str, list[Any]]

END = datetime.fromisoformat("2026-11-21T00:00:00+00:00")
DAYS = 365
AGENTS, PEOPLE = 40, 200
UNKNOWN_MODEL = "house-model-1"
MODEL_SHARES = (0.35, 0.19, 0.12, 0.09, 0.07, 0.055, 0.04, 0.03, 0.02, 0.015, 0.012, 0.008)
UNITS = ("input", "cache_write_5m", "cache_read", "output")
OUTCOMES = (("completed", 0.97), ("failed", 0.012), ("stopped", 0.013), ("interrupted", 0.005))

_CONVERSATIONS_AT_ONCE = 25_000
_MOST_TURNS = 12
_LONGEST_TALK_SECONDS = 3 * 3600
_OF_HOUR = (1, 1, 1, 1, 1, 2, 6, 18, 42, 58, 62, 60, 44, 54, 62, 60, 52, 38, 22, 12, 8, 6, 4, 2)
_OF_WEEKDAY = (1.0, 1.08, 1.06, 1.02, 0.88, 0.16, 0.12)
_WORDS = """
    explain compare draft summarise translate check plan invoice contract refund order customer supplier report
    meeting notes budget forecast margin price token cache model latency deploy server database index query table
    python function test review release roadmap hiring onboarding policy travel expense tax quarter month week launch
    campaign headline email reply complaint warranty delivery stock warehouse route machine sensor alarm incident
    summary slide chart legal privacy clause deadline risk audit ledger account balance bank payroll holiday
""".split()  # noqa: SIM905


@dataclass(frozen=True)
class Rate:
    """Nano-dollars for one token of each unit; ``usd`` is the same as decimal text. None: no price is known."""

    nanos: int | None
    usd: str | None


def model_names() -> list[str]:
    """Twelve, the most used first; the last one has no price."""
    return [model.id for model in MODELS[: len(MODEL_SHARES) - 1]] + [UNKNOWN_MODEL]


def rates(model: str) -> dict[str, Rate]:
    """What a token of each unit costs at the year's end: in this year prices do not change."""
    usage = {"input_tokens": 1, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 1, "output_tokens": 1}
    return {
        line.unit: Rate(
            None if line.unit_price_usd is None else int(line.unit_price_usd * 10**9),
            None if line.unit_price_usd is None else format(line.unit_price_usd.normalize() + Decimal(0), "f"),
        )
        for line in price_book("anthropic").price_usage(model, usage, END, stop_reason="end_turn").lines
    }


class Year:
    """``batches`` yields columns of traces and of the conversations they belong to, in the order of time."""

    def __init__(self, traces: int, seed: int) -> None:
        self.traces = traces
        self._random = np.random.default_rng(seed)
        self.models = model_names()
        self.agents = self._ids(np.zeros(AGENTS, np.int64), "8")
        self.people = self._ids(np.zeros(PEOPLE, np.int64), "8")
        self.agent_models = _spread(_skewed(AGENTS, 3.0), np.array(MODEL_SHARES))
        self._rates = np.array([[rates(model)[unit].nanos or 0 for unit in UNITS] for model in self.models])

    def batches(self) -> Iterator[tuple[Batch, Batch]]:
        """Conversations and their traces, both as lists by column."""
        turns = self._turns()
        begins = self._begins(len(turns))
        for first in range(0, len(turns), _CONVERSATIONS_AT_ONCE):
            piece = slice(first, first + _CONVERSATIONS_AT_ONCE)
            yield self._batch(begins[piece], turns[piece])

    def _turns(self) -> Numbers:
        """How many each conversation has, about four, with just as many traces as wanted."""
        turns = np.minimum(self._random.geometric(0.24, size=self.traces), _MOST_TURNS)
        ends = np.cumsum(turns)
        count = int(np.searchsorted(ends, self.traces)) + 1
        turns = turns[:count].astype(np.int64)
        turns[-1] -= ends[count - 1] - self.traces
        return turns

    def _begins(self, count: int) -> Numbers:
        """In milliseconds since 1970, in order."""
        last = int(END.timestamp()) - _LONGEST_TALK_SECONDS
        hours = np.arange(DAYS * 24)
        first = last - DAYS * 86_400
        at = first // 3600 + hours
        weights = np.array(_OF_HOUR)[at % 24] * np.array(_OF_WEEKDAY)[(at // 24 + 3) % 7] * (1 + 2 * hours / hours[-1])
        ends = np.cumsum(weights) / weights.sum()
        drawn = np.searchsorted(ends, self._random.random(count))
        return np.sort((first + drawn * 3600) * 1000 + self._random.integers(0, 3_600_000, count))

    @cached_property
    def _favourites(self) -> tuple[Numbers, NDArray[np.float64]]:
        """Of each person: four agents, and how the first of 2–4 of them share the questions."""
        popular = _skewed(AGENTS, 2.0)
        chosen = [self._random.choice(AGENTS, 4, replace=False, p=popular) for _ in range(PEOPLE)]
        shares = np.array([0.5, 0.28, 0.14, 0.08])
        used = np.arange(4) < self._random.integers(2, 5, PEOPLE)[:, None]
        shared = np.cumsum(shares * used, axis=1)
        return np.array(chosen), shared / shared[:, -1:]

    def _batch(self, begins: Numbers, turns: Numbers) -> tuple[Batch, Batch]:
        who = self._who(len(begins))
        talk = np.repeat(np.arange(len(begins)), turns)
        turn = np.arange(len(talk)) - np.repeat(np.cumsum(turns) - turns, turns)
        pauses = np.where(turn == 0, 0, 62_000 + np.minimum(self._random.exponential(180_000, len(talk)), 800_000))
        walked = np.cumsum(pauses.astype(np.int64))
        started = begins[talk] + walked - walked[np.cumsum(turns) - turns][talk]
        ids = self._ids(begins, "b")
        order = np.argsort(started, kind="stable")
        last = started[np.cumsum(turns) - 1]
        conversations = self._conversations(ids, who, begins, last)
        return conversations, self._traces(
            ids,
            {name: of[talk[order]] for name, of in who.items()}
            | {"talk": talk[order], "turn": turn[order], "started": started[order]},
        )

    def _who(self, count: int) -> dict[str, Numbers]:
        person = self._random.choice(PEOPLE, count, p=_skewed(PEOPLE, 12.0))
        agents, shares = self._favourites
        favourite = (self._random.random(count)[:, None] > shares[person]).sum(axis=1)
        agent = agents[person, favourite]
        other = self._random.choice(len(self.models), count, p=MODEL_SHARES)
        model = np.where(self._random.random(count) < 0.8, self.agent_models[agent], other)
        return {"person": person, "agent": agent, "model": model}

    def _conversations(self, ids: list[str], who: dict[str, Numbers], begins: Numbers, last: Numbers) -> Batch:
        return {
            "id": ids,
            "owner_id": _pick(self.people, who["person"]),
            "agent_id": _pick(self.agents, who["agent"]),
            "title": ["A conversation"] * len(ids),
            "created_at": _times(begins),
            "updated_at": _times(last),
        }

    def _traces(self, conversations: list[str], of: dict[str, Numbers]) -> Batch:
        count, model = len(of["talk"]), of["model"]
        outcome = np.searchsorted(np.cumsum([share for _, share in OUTCOMES])[:-1], self._random.random(count), "right")
        tokens = self._tokens(of["turn"], of["agent"], outcome)
        cost = (tokens * self._rates[model]).sum(axis=1)
        began = 250 + tokens[:, 2] // 60 + self._random.integers(0, 400, count)
        duration = began + tokens[:, 3] * (6 + 2 * (model % 5))
        unknown, failed = model == len(self.models) - 1, outcome == 1
        basis = np.where(failed | (outcome == 0), 0, 1) + np.where(unknown & ~failed, 2, 0)
        return {
            "id": self._ids(of["started"], "8"),
            "owner_id": _pick(self.people, of["person"]),
            "agent_id": _pick(self.agents, of["agent"]),
            "agent_version": (model + 1).tolist(),
            "conversation_id": _pick(conversations, of["talk"]),
            "model": _pick(self.models, model),
            "instruction": self._instructions(count),
            "status": _pick([status for status, _ in OUTCOMES], outcome),
            "cost_nanos": _unless(unknown & ~failed, cost),
            "cost_basis": _pick(["computed", "estimated", "unpriced", "unpriced"], basis),
            **{f"{unit}_tokens": tokens[:, place].tolist() for place, unit in enumerate(UNITS)},
            "started_at": _times(of["started"]),
            "ended_at": _times(of["started"] + duration),
            "duration_ms": duration.tolist(),
            "time_to_first_token_ms": _unless(failed, began),
            "error_type": _pick([None, "overloaded_error", "stopped", "instance_lost"], outcome),
        }

    def _tokens(self, turn: Numbers, agent: Numbers, outcome: Numbers) -> Numbers:
        """In the order of UNITS: the first turn writes the agent's prompt to the cache, later ones read all so far."""
        count = len(turn)
        prompt = 1_100 + 170 * agent
        so_far = prompt + turn * self._random.integers(300, 900, count)
        asked = self._random.integers(8, 90, count)
        said = 12 + np.minimum(self._random.lognormal(5.3, 0.8, count), 6_000).astype(np.int64)
        said = np.where(outcome >= 2, said // 3 + 1, said)
        tokens = np.stack([asked, np.where(turn == 0, prompt, 0), np.where(turn == 0, 0, so_far), said], axis=1)
        return np.where((outcome == 1)[:, None], 0, tokens)

    @cached_property
    def _sentences(self) -> list[str]:
        frequent = _skewed(len(_WORDS), 3.0)
        lengths = self._random.integers(3, 8, 20_000)
        words = iter(self._random.choice(_WORDS, int(lengths.sum()), p=frequent).tolist())
        return [" ".join(next(words) for _ in range(length)) for length in lengths]

    def _instructions(self, count: int) -> list[str]:
        sentences = _pick(self._sentences, self._random.integers(0, len(self._sentences), count))
        cases = self._random.integers(10_000, 100_000, count).tolist()
        return [f"{sentence} {case}" for sentence, case in zip(sentences, cases, strict=True)]

    def _ids(self, at_ms: Numbers, variant: str) -> list[str]:
        """As UUIDv7; ``variant`` is a hexadecimal digit from 8 to b."""
        tails = self._random.bytes(9 * len(at_ms)).hex()
        return [
            f"{(head := f'{at:012x}')[:8]}-{head[8:]}-7{tails[place : place + 3]}-{variant}"
            f"{tails[place + 3 : place + 6]}-{tails[place + 6 : place + 18]}"
            for place, at in zip(range(0, len(tails), 18), at_ms.tolist(), strict=True)
        ]


def _skewed(count: int, flat: float) -> NDArray[np.float64]:
    """Shares that fall like one over the rank; the larger ``flat``, the less the first ones stand out."""
    weights = 1 / (np.arange(count) + flat)
    return np.asarray(weights / weights.sum())


def _spread(weights: NDArray[np.float64], shares: NDArray[np.float64]) -> Numbers:
    """For each weight the place of a share, so that the weights there sum to about that share."""
    left, places = shares.copy(), []
    for weight in weights:
        places.append(int(np.argmax(left)))
        left[places[-1]] -= weight
    return np.array(places)


def _pick(values: list[Any], places: Numbers) -> list[Any]:
    picked: list[Any] = np.array(values, dtype=object)[places].tolist()
    return picked


def _unless(unknown: NDArray[np.bool_], numbers: Numbers) -> list[Any]:
    known = numbers.astype(object)
    known[unknown] = None
    kept: list[Any] = known.tolist()
    return kept


def _times(at_ms: Numbers) -> list[str]:
    texts = np.datetime_as_string(at_ms.astype("datetime64[ms]").astype("datetime64[us]")).tolist()
    return [f"{text[:10]} {text[11:]}" for text in texts]
