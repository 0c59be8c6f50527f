"""The time is that of the zone asked for, or of the person who asks."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from core.access.roles import Person
from core.agent.tools.current_time import current_time
from core.agent.tools.tool import ToolContext
from core.agent.tools.typed import typed_tool
from tests.core.agent.tools.asking import run

AT = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "Saturday, 2026-11-21T00:30:00+01:00 (Europe/Berlin)"),
        ({"zone": "UTC"}, "Friday, 2026-11-20T23:30:00+00:00 (UTC)"),
        ({"zone": "Asia/Kathmandu"}, "Saturday, 2026-11-21T05:15:00+05:45 (Asia/Kathmandu)"),
    ],
)
def test_it_tells_the_time_of_a_zone(given: dict[str, Any], told: str) -> None:
    with time_machine.travel(AT, tick=False):
        assert run(typed_tool(current_time), given).text == told


@pytest.mark.parametrize(
    ("zone", "advice"),
    [
        ("Europe/Berlim", "Did you mean Europe/Berlin"),
        ("Europe", "There is no time zone Europe."),
        ("../../etc/passwd", "There is no time zone ../../etc/passwd."),
        ("x" * 9_000, "Zones have names such as Europe/Berlin."),
    ],
)
def test_a_zone_there_is_not_is_refused_with_advice(zone: str, advice: str) -> None:
    outcome = run(typed_tool(current_time), {"zone": zone})
    assert outcome.failure == "failed"
    assert advice in outcome.text
    assert len(outcome.text) < 200


def test_a_person_without_a_usable_zone_is_told_so() -> None:
    assert (
        run(typed_tool(current_time), {}, ToolContext(Person("ada", "ada", "admin"), "Mars/Base")).failure == "failed"
    )
