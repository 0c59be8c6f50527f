"""A name for each row of a trace, no two the same, so that the chart and the tables speak of one thing."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import count

from core.analytics.trace_detail import TraceDetail
from core.analytics.trace_parts import SpanRow
from core.analytics.trace_tree import SessionRow


def labels_of(detail: TraceDetail) -> dict[str, str]:
    """Label spans by id, in the order of the tree; what another agent did bears the number of its session."""
    numbers = {session.id: number for number, session in enumerate(detail.sessions, 1)}
    steps = _Steps(detail)
    wanted = [(detail.trace.id, "Request", 1)]
    for place in detail.tree:
        if isinstance(place.of, SessionRow):
            wanted.append((place.of.id, place.of.agent_name, numbers[place.of.id]))
        else:
            wanted.append((place.of.id, steps.name(place.of), numbers[place.of.session_id]))
    return dict(_all_different(wanted))


class _Steps:
    def __init__(self, detail: TraceDetail) -> None:
        self._asked = {session.parent_span_id: session.agent_name for session in detail.sessions}
        self._is_plain = len(detail.sessions) == 1 and all(
            span.iteration == 1 and not span.is_tool for span in detail.spans
        )
        self._attempts = Counter((span.session_id, span.iteration) for span in detail.spans if not span.is_tool)

    def name(self, span: SpanRow) -> str:
        if span.is_tool:
            asked = self._asked.get(span.id)
            return f"ask {asked}" if asked else span.tool_name or "tool"
        if self._is_plain:
            return f"Attempt {span.attempt}"
        if self._attempts[span.session_id, span.iteration] > 1:
            return f"Attempt {span.attempt} of call {span.iteration}"
        return f"Model call {span.iteration}"


def _all_different(wanted: Sequence[tuple[str, str, int]]) -> Iterator[tuple[str, str]]:
    """Number the labels that are wanted more than once."""
    often = Counter(_with_session(name, number) for _, name, number in wanted)
    counters = defaultdict[str, Iterator[int]](lambda: count(1))
    taken = set[str]()
    for id_, name, number in wanted:
        label = plain = _with_session(name, number)
        while label in taken or often[label] > 1:
            label = _with_session(f"{name} {next(counters[plain])}", number)
        taken.add(label)
        yield id_, label


def _with_session(name: str, number: int) -> str:
    return name if number == 1 else f"{name} ({number})"
