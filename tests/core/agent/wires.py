"""The provider that a test of the loop runs with, whichever wire it speaks."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from core.provider.provider import Provider
from core.provider.simulator.wire import Answers

Connect: TypeAlias = Callable[[Answers], AbstractAsyncContextManager[Provider]]

_CONNECT: ContextVar[Connect] = ContextVar("connect")


@contextmanager
def connecting(connect: Connect) -> Iterator[None]:
    """Within it, ``connected`` connects this way."""
    token = _CONNECT.set(connect)
    try:
        yield
    finally:
        _CONNECT.reset(token)


def connected(answers: Answers) -> AbstractAsyncContextManager[Provider]:
    """A provider that is answered by these."""
    return _CONNECT.get()(answers)
