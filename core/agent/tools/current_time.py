"""What time it is, where the person who asks lives or elsewhere."""

from difflib import get_close_matches
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field

from core.agent.tools.tool import ToolContext
from core.clock import now
from core.errors import ToolError


def current_time(
    asking: ToolContext,
    zone: Annotated[
        str, Field(description="A time zone such as Europe/Berlin; leave it out for that of the person who asks.")
    ] = "",
) -> str:
    """Tell today's date, the weekday and the time."""
    at = now().astimezone(_zone(zone or asking.zone))
    return f"{at:%A}, {at.isoformat(timespec='seconds')} ({at.tzinfo})"


_known_zones = cache(available_timezones)


def _zone(name: str) -> ZoneInfo:
    known = _known_zones()
    if name in known:
        return ZoneInfo(name)
    near = get_close_matches(name[:50], known, n=3, cutoff=0.5)
    advice = f"Did you mean {', '.join(near)}?" if near else "Zones have names such as Europe/Berlin."
    raise ToolError(f"There is no time zone {name[:50]}. {advice}")
