"""Which process runs a turn, and what this machine can tell of it."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from core.clock import new_id

HEARTBEAT_SECONDS = 3.0

_PROC = Path("/proc")
_GONE_STATES = ("Z", "X")
_LETTERS_OF_BOOT = 12
_PARTS = 4


@dataclass(frozen=True, slots=True)
class Instance:
    """A process by its id ``host:pid:boot.namespace.start.unique``, safe as a file name.

    ``started`` is when it began, in the kernel's ticks since the boot. What is not known is empty.
    """

    id: str
    host: str
    pid: int
    boot_id: str = ""
    pid_namespace: str = ""
    started: str = ""

    @property
    def is_gone(self) -> bool | None:
        """None where that cannot be seen: of another boot, another machine or another PID namespace."""
        here = _boot_id(), _pid_namespace()
        if not all(here) or (self.boot_id, self.pid_namespace) != here:
            return None
        try:
            return _started(self.pid) != self.started
        except OSError:
            return None if _exists(self.pid) else True


def this_instance() -> Instance:
    """Return a new identity of this process."""
    host, pid, boot, namespace = _host(), os.getpid(), _boot_id(), _pid_namespace()
    started = _own_start()
    return Instance(f"{host}:{pid}:{boot}.{namespace}.{started}.{new_id()[-12:]}", host, pid, boot, namespace, started)


def read_instance(instance_id: str) -> Instance:
    """Return what the id says; those of earlier versions, ``host:pid:unique``, say less."""
    host, pid, rest = (*instance_id.split(":"), "", "")[:3]
    number = int(pid) if pid.isdecimal() else 0
    parts = rest.split(".")
    if len(parts) != _PARTS:
        return Instance(instance_id, host, number)
    return Instance(instance_id, host, number, *parts[:-1])


def _host() -> str:
    return "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in socket.gethostname())


def _boot_id() -> str:
    try:
        text = (_PROC / "sys/kernel/random/boot_id").read_text()
    except OSError:
        return ""
    return text.replace("-", "").strip()[:_LETTERS_OF_BOOT]


def _pid_namespace() -> str:
    try:
        link = os.readlink(_PROC / "self/ns/pid")
    except OSError:
        return ""
    return link.partition("[")[2].rstrip("]")


def _own_start() -> str:
    try:
        return _started(os.getpid())
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when the process began, empty of one that has ended and is not yet cleared away. Raises OSError."""
    state, *fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return "" if state in _GONE_STATES else fields[18]


def _exists(pid: int) -> bool:
    """Look whether it exists, also of others' processes, of which the system may hide the rest."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
