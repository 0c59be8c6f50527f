"""Whether the person an answer is for may still have it: asked at each use of a tool and before each further call."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from core.access.roles import Person, lesser
from core.agent.tools.tool import Tool, ToolContext
from core.errors import NotSignedIn, StoreError, ToolDenied

_GONE = "The person who asks may not go on, so this was not done."
_LESSENED = "The person who asks may see less than when this began, so its result is kept back."


class Standing:
    """``as_now`` gives a person, or one through a token, with what they may now; it raises NotSignedIn."""

    def __init__(self, as_now: Callable[[str, str | None], Person]) -> None:
        self._as_now = as_now

    async def check(self, by: Person) -> None:
        """Raises NotSignedIn; a database that does not answer proves nothing against anybody."""
        with suppress(StoreError):
            await self._now(by)

    def asked(self, tool: Tool) -> Tool:
        """Return the tool, run for what the person may at that moment, after any wait for consent.

        What it found is kept back, by ToolDenied, if that became less while it ran. Raises StoreError.
        """

        async def run(given: Mapping[str, Any], asking: ToolContext) -> str:
            before = await self._for_tool(asking.by)
            text = await tool.run(given, replace(asking, by=before))
            after = await self._for_tool(before)
            if lesser(before.role, after.role) != before.role or before.agents != after.agents:
                raise ToolDenied(_LESSENED)
            return text

        return replace(tool, run=run)

    async def _for_tool(self, by: Person) -> Person:
        try:
            return await self._now(by)
        except NotSignedIn:
            raise ToolDenied(_GONE) from None

    async def _now(self, by: Person) -> Person:
        return await asyncio.to_thread(self._as_now, by.id, by.token_id)
