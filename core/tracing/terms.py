"""The terms on which a turn begins: once for each key, and not more than one person may ask for."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Once:
    """What a program names its request by; ``digest`` is the SHA-256 of the request, in hexadecimal."""

    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Quota:
    """How many turns a person may have running, and begin in the day from ``since`` to ``until``."""

    at_once: int
    per_day: int
    since: datetime
    until: datetime
