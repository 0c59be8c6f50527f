"""What an agent may be allowed to use: tools by names that people can read, also those that are not there now."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from core.agent.mcp.naming import is_of
from core.agent.tools.catalogue import CATALOGUE
from core.chat.mcp_status import ServerStatus

GONE = "not there any more"
_WHY_NOT = {"inactive": "its server is inactive", "failed": "its server does not answer", "connected": GONE}


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """``name`` is what a version of an agent holds; no two of them have the same ``label``.

    ``asks_first`` is what to propose, and makes no sense unless it ``can_ask``. ``missing`` says why an agent that has
    it does without it now.
    """

    name: str
    label: str
    note: str = ""
    asks_first: bool = False
    can_ask: bool = True
    missing: str | None = None


def tool_choices(statuses: Sequence[ServerStatus], held: Iterable[str] = ()) -> list[ToolChoice]:
    """List tools of the catalogue, those of the servers, and at last those of ``held`` that are neither."""
    there = [*_shipped(), *(choice for status in statuses for choice in _of_server(status))]
    names = {choice.name for choice in there}
    absent = [_absent(name, statuses) for name in dict.fromkeys(held) if name not in names]
    return list(_told_apart([*there, *absent]))


def _shipped() -> Iterator[ToolChoice]:
    for tool in CATALOGUE.values():
        yield ToolChoice(tool.name, tool.label, tool.note, tool.asks_first, not tool.at_provider)


def _of_server(status: ServerStatus) -> Iterator[ToolChoice]:
    for tool in status.tools:
        if tool.name:
            yield ToolChoice(tool.name, f"{tool.view.name} · {status.server.name}", tool.view.description)


def _absent(name: str, statuses: Sequence[ServerStatus]) -> ToolChoice:
    """While its server has not been asked for its tools, nothing is known to be wrong."""
    status = next((each for each in statuses if is_of(name, each.server.name)), None)
    if status is None:
        return ToolChoice(name, name, missing=GONE)
    label = f"{name.partition('__')[2]} · {status.server.name}"
    return ToolChoice(name, label, missing=_WHY_NOT.get(status.condition))


def _told_apart(choices: Iterable[ToolChoice]) -> Iterator[ToolChoice]:
    labels: set[str] = set()
    for choice in choices:
        unlike = choice if choice.label not in labels else replace(choice, label=f"{choice.label} ({choice.name})")
        labels.add(unlike.label)
        yield unlike
