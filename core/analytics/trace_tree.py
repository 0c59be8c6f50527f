"""The steps of a trace as a tree: each agent's session, its steps as they happened, and below a tool whom it asked."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.analytics.trace_parts import SpanRow
from core.money import Nanos
from core.usage import Usage


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One agent's run on one model; ``agent_name`` is today's.

    ``parent_span_id`` is the call of a tool by which another agent asked for it, None for the master agent's.
    ``notes`` are what its reader was told of tools that it had to do without.
    """

    id: str
    parent_span_id: str | None
    agent_name: str
    agent_version: int
    session_type: str
    model: str
    status: str
    usage: Usage
    total: Nanos | None
    basis: str | None
    started_at: datetime
    duration_ms: int | None
    spans: tuple[SpanRow, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """``depth`` counts from 1: the master agent's session, below it its steps, below one of them another session."""

    of: SessionRow | SpanRow
    depth: int


def in_order(sessions: Sequence[SessionRow]) -> Iterator[Place]:
    """Yield every session once, given as they began; what an unknown step asked for stands beside the master's."""
    below = defaultdict[str | None, list[SessionRow]](list)
    known = set[str]()
    for session in sessions:
        below[session.parent_span_id if session.parent_span_id in known else None].append(session)
        known.update(span.id for span in session.spans)
    roots = sorted(below[None], key=lambda session: session.parent_span_id is not None)
    yield from _walk(roots, below)


def _walk(roots: Sequence[SessionRow], below: dict[str | None, list[SessionRow]]) -> Iterator[Place]:
    """Walk without recursion: nobody can ask so deep that it breaks."""
    waiting = [Place(session, 1) for session in reversed(roots)]
    while waiting:
        place = waiting.pop()
        yield place
        children = list[SessionRow | SpanRow](
            place.of.spans if isinstance(place.of, SessionRow) else below[place.of.id]
        )
        waiting += [Place(child, place.depth + 1) for child in reversed(children)]
