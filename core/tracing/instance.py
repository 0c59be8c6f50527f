"""Which process runs a turn, and whether it is still alive."""

import os
import socket
from datetime import datetime, timedelta

from core.clock import new_id, now

HEARTBEAT_SECONDS = 3.0
STALE_AFTER = timedelta(seconds=20)


def new_instance_id() -> str:
    """``host:pid:unique``, safe as a file name."""
    return f"{_host()}:{os.getpid()}:{new_id()[-12:]}"


def _host() -> str:
    return "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in socket.gethostname())


def is_dead(instance_id: str, own: str, heartbeat_at: datetime | None = None) -> bool:
    """A process that is gone from this machine is dead at once, one elsewhere when its heartbeat is stale.

    Without a heartbeat only a process of this machine can be called dead.
    """
    if instance_id == own:
        return False
    if heartbeat_at is not None and now() - heartbeat_at > STALE_AFTER:
        return True
    host, pid, _ = instance_id.split(":")
    return host == _host() and (int(pid) == os.getpid() or not _exists(int(pid)))


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
