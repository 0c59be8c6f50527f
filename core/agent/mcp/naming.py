"""Names under which the model knows tools of several servers: allowed ones, each its own."""

import hashlib
import re
from collections.abc import Container, Iterable

LONGEST = 64
_MARK = 8


def tool_name(server: str, tool: str, taken: Container[str] = ()) -> str:
    """``server__tool``, other characters than the allowed ones as ``_``; with a mark if that is too long or taken."""
    plain = f"{server_slug(server) or 'server'}__{_allowed(tool)}"
    name, tries = plain if len(plain) <= LONGEST else _marked(plain, server, tool, 0), 0
    while name in taken:
        tries += 1
        name = _marked(plain, server, tool, tries)
    return name


def tool_names(server: str, tools: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Return a name for each of a server's tools, none that is taken and none twice."""
    names: list[str] = []
    used = set(taken)
    for tool in tools:
        names.append(tool_name(server, tool, used))
        used.add(names[-1])
    return names


def is_of(name: str, server: str) -> bool:
    """Return whether a tool of this name is, or would be, one of the server's."""
    return name.startswith(f"{server_slug(server) or 'server'}__")


def server_slug(server: str) -> str:
    """Never two underscores in a row: the first two in a tool's name are where the server's ends."""
    return re.sub(r"_+", "_", _allowed(server)).strip("_")


def _marked(plain: str, server: str, tool: str, tries: int) -> str:
    digest = hashlib.sha256(f"{server}\0{tool}\0{tries}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{plain[: LONGEST - _MARK - 1]}_{digest[:_MARK]}"


def _allowed(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text)
