"""The log: one line an event on standard error, JSON unless a person watches, never a secret."""

import asyncio
import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import lru_cache
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

_SHAPES = (
    (re.compile(r"sk-ant-[\w-]+"), "[secret]"),
    (re.compile(r"\bcc[slt]_[\w-]{20,}"), "[secret]"),
    (re.compile(r"(?i)\b(bearer|basic) [\w.~+/=-]{8,}"), r"\1 [secret]"),
    (re.compile(r"(://[^\s:/@]*):[^\s/@]+@"), r"\1:[secret]@"),
)
_SHORTEST = 6
_TALKATIVE = ("alembic", "anthropic", "httpx2", "mcp")
_INDISCREET = ("PIL", "pypdf")
"""They would quote the files that people attach."""


_learned: frozenset[str] = frozenset()


def keep_from_log(secret: str) -> None:
    """Keep a secret that no setting holds out of the log, from now on."""
    global _learned
    _learned |= {secret}


def log_failure(task: "asyncio.Future[Any] | Future[Any]") -> None:
    """Put into the log what ended a task that nobody waits for: to be its callback when it is done."""
    error = None if task.cancelled() else task.exception()
    if told := getattr(error, "for_user", None):
        structlog.get_logger().warning("task_failed", reason=told)
    elif error is not None:
        structlog.get_logger().error("task_failed", exc_info=error)


def redaction(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that blots out these secrets, those learned, however spelled, and what looks like one."""
    given, known = frozenset(secrets), lru_cache(1)(_known)

    def redact(text: str) -> str:
        pattern = known(given | _learned)
        text = pattern.sub("[secret]", text) if pattern else text
        for shape, instead in _SHAPES:
            text = shape.sub(instead, text)
        return text

    return redact


def _known(secrets: frozenset[str]) -> re.Pattern[str] | None:
    spelled = {form for secret in secrets if len(secret) >= _SHORTEST for form in _spellings(secret)}
    return re.compile("|".join(map(re.escape, sorted(spelled, key=len, reverse=True)))) if spelled else None


def _spellings(secret: str) -> Iterable[str]:
    return secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]


def set_up_logging(level: str, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send every logger of the process, also those that already have handlers of their own, to one stream.

    Call it again once the server runs: what it imported has brought loggers along.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redacting(redaction(secrets)),
                _renderer(stream),
            ],
        )
    )
    _take_over(handler, level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


def _renderer(stream: TextIO) -> Processor:
    if stream.isatty():
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.JSONRenderer()


def _redacting(redact: Callable[[str], str]) -> Processor:
    def clean(value: object) -> object:
        match value:
            case str():
                return redact(value)
            case None | bool() | int() | float():
                return value
            case dict():
                return {str(name): clean(part) for name, part in value.items()}
            case list() | tuple():
                return [clean(part) for part in value]
            case _:
                return redact(repr(value))

    return lambda _logger, _method, event: {name: clean(value) for name, value in event.items()}


def _take_over(handler: logging.Handler, level: str) -> None:
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and logger.handlers:
            logger.handlers.clear()
            logger.propagate = True
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.root.level, logging.WARNING))
    for name in _INDISCREET:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logging.captureWarnings(True)
    threading.excepthook = _log_a_dead_thread


def _log_a_dead_thread(dead: threading.ExceptHookArgs) -> None:
    name = dead.thread.name if dead.thread else "?"
    if dead.exc_value is not None:
        logging.getLogger(__name__).error("thread %s died", name, exc_info=dead.exc_value)
