"""What a server of tools is registered with, and what makes a draft of one fit to save."""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from core.agent.mcp.naming import server_slug
from core.agent.mcp.server import Transport
from core.errors import InputError
from core.store.text import whole_characters

LONGEST_NAME = 40
LONGEST_TEXT = 4_000
MOST_ARGS = 100
MOST_SECRETS = 50

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class McpServerDraft:
    """``command`` and ``args`` are for stdio, ``url`` for http. The command ``python`` is this installation's own.

    ``secrets`` are environment variables (stdio) or headers (http); a value of None keeps the one that is stored.
    """

    name: str
    transport: Transport
    command: str = ""
    args: tuple[str, ...] = ()
    url: str = ""
    secrets: Mapping[str, str | None] = field(default_factory=dict, repr=False)


def checked(draft: McpServerDraft) -> McpServerDraft:
    """Return the draft trimmed and without what its transport has no use for.

    Raises InputError that says what to mend.
    """
    draft = replace(draft, name=_name(draft.name))
    match draft.transport:
        case "stdio":
            return _checked_stdio(draft)
        case "http":
            return _checked_http(draft)
    raise InputError(f"“{draft.transport}” is no way to reach a server. Choose stdio or http.")


def args_from(line: str) -> tuple[str, ...]:
    """Arguments as a shell would split them. Raises InputError."""
    try:
        return tuple(shlex.split(line))
    except ValueError:
        raise InputError("The arguments have an open quote, or end in a backslash. Correct that.") from None


def line_of(args: Iterable[str]) -> str:
    """Return what ``args_from`` splits into these arguments."""
    return shlex.join(args)


def secrets_from(rows: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """Names and values as typed: a blank value keeps the one that is stored, and blank rows count for nothing.

    Raises InputError.
    """
    secrets: dict[str, str | None] = {}
    for name, value in ((name.strip(), value) for name, value in rows):
        if name in secrets:
            raise InputError(f"“{name}” is given twice. Keep one of them.")
        if name or value:
            secrets[name] = value or None
    return secrets


def _checked_stdio(draft: McpServerDraft) -> McpServerDraft:
    command = draft.command.strip()
    if not command:
        raise InputError("The command is empty. Enter the program that starts the server.")
    if len(draft.args) > MOST_ARGS:
        raise InputError(f"There are {len(draft.args)} arguments; at most {MOST_ARGS} fit.")
    for text in (command, *draft.args):
        _plain("The command", text)
    for name, value in draft.secrets.items():
        if not _VARIABLE.fullmatch(name):
            raise InputError(f"“{name}” cannot be the name of an environment variable. Use letters, digits and _.")
        _plain(f"The value of {name}", value or "")
    return replace(draft, command=command, url="", secrets=_few(draft.secrets))


def _checked_http(draft: McpServerDraft) -> McpServerDraft:
    url = draft.url.strip()
    _plain("The URL", url)
    if not _is_web_address(url):
        raise InputError("The URL is not usable. Enter one such as https://tools.example.com/mcp.")
    for name, value in draft.secrets.items():
        if not _HEADER.fullmatch(name):
            raise InputError(f"“{name}” cannot be the name of a header. Use letters, digits and -.")
        if value is not None and not _HEADER_VALUE.fullmatch(value):
            raise InputError(f"The value of {name} cannot be sent in a header. Use plain letters, digits and signs.")
    if len({name.lower() for name in draft.secrets}) < len(draft.secrets):
        raise InputError("A header is given twice, in capital and small letters. Keep one of them.")
    return replace(draft, url=url, command="", args=(), secrets=_few(draft.secrets))


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if parts.username or parts.password:
        raise InputError("The URL has a name or password in it. Give them as a header such as Authorization instead.")
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", url)


def _name(name: str) -> str:
    line = " ".join(whole_characters(name, "The name").split())
    if len(line) > LONGEST_NAME:
        raise InputError(f"The name is {len(line):,} characters long; at most {LONGEST_NAME} fit. Shorten it.")
    if not server_slug(line):
        raise InputError("The name needs a letter from A to Z or a digit: its tools are named after it.")
    return line


def _plain(field_name: str, text: str) -> None:
    whole_characters(text, field_name)
    if len(text) > LONGEST_TEXT:
        raise InputError(f"{field_name} is {len(text):,} characters long; at most {LONGEST_TEXT:,} fit. Shorten it.")


def _few(secrets: Mapping[str, str | None]) -> Mapping[str, str | None]:
    if len(secrets) > MOST_SECRETS:
        raise InputError(f"There are {len(secrets)} secrets; at most {MOST_SECRETS} fit.")
    return dict(secrets)
