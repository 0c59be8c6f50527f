"""Providers over both transports, and what a stream brought."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic import SecretStr

from core.errors import ProviderError
from core.events import TextDelta, ThinkingDelta
from core.provider.anthropic.client import open_provider
from core.provider.passage import Passage
from core.provider.provider import Provider
from core.provider.reply import Reply
from core.provider.request import CallKey, ModelRequest
from core.provider.simulator.scripted import answer_events
from core.provider.simulator.server import SimulatorServer
from core.provider.simulator.transport import WireTransport
from core.provider.simulator.wire import Answers
from core.provider.stream import AttemptFailed, AttemptStarting, ProviderEvent, ReplyEnded, ReplyStarted
from core.settings import Settings

Connect: TypeAlias = Callable[..., AbstractAsyncContextManager[Provider]]
WHOLE = answer_events("Hel", "lo", "!", final={"output_tokens": 3})
KEY = "sk-ant-secret"
PATIENCE = 1.0
"""Seconds of silence that are waited for in vain: more than a busy machine needs for what does come."""
CALL_KEY = CallKey(SecretStr(KEY), "environment")


def settings(**knobs: Any) -> Settings:
    """Settings of a test: no waits between tries, nothing read from the machine."""
    values = {"anthropic_api_key": KEY, "retry_after_cap_seconds": 0, **knobs}
    return Settings(_env_file=None, **values)


@asynccontextmanager
async def in_process(answers: Answers, **knobs: Any) -> AsyncIterator[Provider]:
    provider = open_provider(settings(**knobs), WireTransport(answers))
    yield provider
    await provider.close()


@asynccontextmanager
async def over_tcp(answers: Answers, **knobs: Any) -> AsyncIterator[Provider]:
    async with SimulatorServer(answers) as server:
        provider = open_provider(settings(anthropic_base_url=server.url, **knobs))
        yield provider
        await provider.close()


def question(
    text: str = "Hello",
    *,
    model: str = "claude-sonnet-5-5",
    thinking: bool = False,
    key: CallKey | None = CALL_KEY,
) -> ModelRequest:
    return ModelRequest(model, [], [{"role": "user", "content": text}], 4_000, thinking, key=key)


@dataclass
class Outcome:
    events: list[ProviderEvent] = field(default_factory=list)
    error: ProviderError | None = None

    @property
    def reply(self) -> Reply:
        return next(event.reply for event in self.events if isinstance(event, ReplyStarted))

    @property
    def kinds(self) -> list[str]:
        """The types of the events, runs of deltas as one."""
        names = [type(event).__name__ for event in self.events]
        return [name for place, name in enumerate(names) if not (name.endswith("Delta") and names[place - 1] == name)]

    @property
    def shown(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def thought(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, ThinkingDelta))

    @property
    def failures(self) -> list[AttemptFailed]:
        return [event for event in self.events if isinstance(event, AttemptFailed)]

    @property
    def attempts(self) -> list[int]:
        return [event.attempt for event in self.events if isinstance(event, AttemptStarting)]

    @property
    def passages(self) -> list[Passage]:
        return [event.passage for event in self.events if isinstance(event, AttemptStarting)]

    @property
    def ended(self) -> bool:
        return isinstance(self.events[-1], ReplyEnded)


async def ask(provider: Provider, request: ModelRequest | None = None) -> Outcome:
    """Everything a stream brought, and how it failed if it did."""
    outcome = Outcome()
    try:
        async for event in provider.stream(request or question()):
            outcome.events.append(event)
    except ProviderError as error:
        outcome.error = error
    return outcome
