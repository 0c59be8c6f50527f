"""Turns of two people with two agents on two models at chosen times; and their sums.

In some the other agent is asked too, on the other model, and some are corrected later.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.analytics.filters import TraceFilter
from core.analytics.rollups.histogram import Histogram
from core.analytics.rollups.latency import Latency
from core.analytics.rollups.question import Question
from core.books import closing
from core.books.values import TraceEnd
from core.chat.new_turn import NewTurn, open_turn
from core.events import TurnStatus
from core.quarters import quarter_of
from core.store.database import Store
from core.store.tables import Conversation, LedgerLine, Row, TaskTrace, TraceSession, TraceSpan
from tests.core.acts import Acts
from tests.core.books.histories import a_call, a_finish, a_reply, an_end, an_opening
from tests.core.books.in_store import recovered
from tests.core.rows import Rows

MODELS = ("claude-opus-5-5", "nobody-knows-1")
USAGE = {"input_tokens": 1_000, "cache_creation_input_tokens": 90, "cache_read_input_tokens": 70, "output_tokens": 33}

_ASKED = {"agent": "master_agent_id", "model": "model", "person": "owner_id"}
_TIMES = ("duration_ms", "time_to_first_token_ms")
_ENDINGS: tuple[TurnStatus, ...] = ("completed", "stopped", "completed")


@dataclass
class History:
    """``late`` are true ends of turns that were given up for lost."""

    store: Store
    people: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    late: list[TraceEnd] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows = Rows(self.store)
        self.people = [rows.person(name) for name in ("Ada", "Bob")]
        self.agents = [rows.agent(person, f"Of {person}") for person in self.people]

    def turn(self, at: datetime, kind: int) -> None:
        """``kind`` picks who asks whom on which model, and how it ends."""
        person, agent, model = self.people[kind % 2], self.agents[kind // 2 % 2], MODELS[kind // 4 % 2]
        opening = an_opening(person, agent, model=model, at=at)
        self.store.write(lambda connection: open_turn(connection, opening)).result()
        lost, status = kind % 3 == 2, _ENDINGS[kind % 3]
        reply = a_reply("An answer.", USAGE, model=model, stop_reason="end_turn" if status == "completed" else None)
        first_token = None if kind % 5 == 4 else 11 * kind
        attempt = replace(a_call(opening, reply=reply), first_token_ms=first_token)
        end = a_finish(opening, an_end(attempt, status), status, reply, duration_ms=37 * kind**2)
        if lost:
            recovered(self.store)
            self.late.append(end)
            return
        if kind % 4 == 3:
            other = {"agent_id": self.agents[kind // 2 % 2 - 1], "model": MODELS[kind // 4 % 2 - 1]}
            self._delegate(opening, other, 10**9 * kind)
        self._finish(end)

    def _delegate(self, opening: NewTurn, other: dict[str, str], amount: int) -> None:
        acts = Acts(
            self.store, opening.head.owner_id, opening.head.agent_id, opening.head.conversation_id, opening.head.at
        )
        acts.trace = opening.head.task_trace_id
        session = acts.session(other["agent_id"], 10, 20, parent=opening.call.id, model=other["model"])
        acts.call(session, 1, 10, 20, cost=amount)
        acts.add()

    def correct(self) -> None:
        """A true end arrives at last."""
        if self.late:
            self._finish(self.late.pop(0))

    def _finish(self, end: TraceEnd) -> None:
        self.store.write(lambda connection: closing.close(connection, [end])).result()

    def sums(self, question: Question) -> dict[tuple[int, str], tuple[int, ...]]:
        """What the question's answer must be, added up line by line in Python."""
        totals: dict[tuple[int, str], Counter[str]] = {}
        spans = {row["id"]: row for row in self._rows(TraceSpan)}
        lines: dict[str, list[Any]] = {span: [] for span in spans}
        for line in self._rows(LedgerLine):
            lines[line["span_id"]].append(line)
        traces = {row["id"]: row for row in self._rows(TaskTrace)}
        sessions = {row["id"]: row for row in self._rows(TraceSession)}
        begun = {row["id"]: row["created_at"] for row in self._rows(Conversation)}
        for span in spans.values():
            trace, session = traces[span["task_trace_id"]], sessions[span["trace_session_id"]]
            at = quarter_of(trace["started_at"])
            slots = [each.slot for each in question.buckets if each.start <= at < each.end]
            if span["status"] == "running" or not slots or not _chosen(question.chosen, trace, session):
                continue
            names = {"agent": session["agent_id"], "model": session["model"], "person": trace["owner_id"], None: ""}
            total = totals.setdefault((question.slot_of(at, slots[0]), names[question.by]), Counter())
            total.update(calls=1, unpriced_calls=span["cost_basis"] == "unpriced")
            if session["parent_span_id"] is None:
                total.update(traces=1, conversations=begun[trace["conversation_id"]] == trace["started_at"])
            for line in lines[span["id"]]:
                total.update(_of_line(line))
        return {key: tuple(total[measure] for measure in question.measures) for key, total in totals.items()}

    def latencies(self, question: Question) -> dict[str, Latency]:
        """What the question's answer must be, of the rows of traces themselves."""
        found: dict[str, list[Any]] = {}
        for trace in self._rows(TaskTrace):
            at, asked = quarter_of(trace["started_at"]), {**trace, "agent_id": trace["master_agent_id"]}
            within = any(each.start <= at < each.end for each in question.buckets)
            if within and trace["status"] != "running" and _chosen(question.chosen, trace, asked):
                found.setdefault(trace[_ASKED[question.by]] if question.by else "", []).append(trace)
        return {
            group: Latency(*(Histogram.of(row[of] for row in rows if row[of] is not None) for of in _TIMES))
            for group, rows in found.items()
        }

    def _rows(self, table: type[Row]) -> list[Any]:
        with self.store.read() as connection:
            return list(connection.execute(select(table.__table__)).mappings())


def _chosen(chosen: TraceFilter, trace: Any, session: Any) -> bool:
    pairs = (
        (chosen.agents, session["agent_id"]),
        (chosen.models, session["model"]),
        (chosen.people, trace["owner_id"]),
        (chosen.statuses, trace["status"]),
        (chosen.bases, trace["cost_basis"]),
        (chosen.provenances, trace["provenance"]),
        (chosen.key_sources, trace["key_source"]),
    )
    return all(not values or value in values for values, value in pairs)


def _of_line(line: Any) -> dict[str, int]:
    amount, uncached = line["amount_nanos"], line["uncached_nanos"]
    kind = "cache_write" if line["unit"].startswith("cache_write") else line["unit"]
    return {
        "spend_nanos": amount or 0,
        "estimated_nanos": (amount or 0) if line["estimated"] else 0,
        "saved_nanos": 0 if uncached is None or amount is None else uncached - amount,
        f"{kind}_tokens": line["quantity"],
    }
