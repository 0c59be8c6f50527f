"""Moments as the reader's clock shows them."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def reader_zone() -> tzinfo:
    """Return the browser's; UTC if it does not say."""
    try:
        return ZoneInfo(st.context.timezone or "")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def clock(at: datetime) -> str:
    """Return the time of day, to the second."""
    zone = reader_zone()
    return f"{at.astimezone(zone):%H:%M:%S}{_zone_name(zone)}"


def day(at: datetime) -> str:
    there = at.astimezone(reader_zone())
    return f"{there:%A}, {there.day} {there:%B %Y}"


def moment(at: datetime | None) -> str:
    """Day and time, to the minute."""
    if at is None:
        return "never"
    zone = reader_zone()
    there = at.astimezone(zone)
    return f"{there.day} {there:%b %Y, %H:%M}{_zone_name(zone)}"


def _zone_name(zone: tzinfo) -> str:
    return " UTC" if zone is UTC else ""
