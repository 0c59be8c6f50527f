"""The one way to start another program: it gets three descriptors and an environment, and dies with this process.

This file is also what the child begins as, so that it depends on nothing but Python and imports nothing of the product.
"""

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

_SET_DEATH_SIGNAL, _SET_DUMPABLE = 1, 4
_FIRST_OTHER = 3


def tied(command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return the command line that starts ``command`` tied to this process; its file is looked up in the environment.

    To be started by a thread that lives as long as the process. Raises OSError if there is no such program.
    """
    found = shutil.which(command[0], path=environment.get("PATH", os.defpath))
    if found is None and os.path.isfile(command[0]):
        raise PermissionError(f"{command[0]} may not be run.")
    if found is None:
        raise FileNotFoundError(f"There is no program {command[0]}.")
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), found, *command]


def tie(parent: int) -> None:
    """Close what was inherited but 0, 1 and 2, and die when the process ``parent`` does, also if it is killed."""
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else range(_FIRST_OTHER, 4096):
        if int(name) >= _FIRST_OTHER:
            _close(int(name))
    _control(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it went before we could ask for its death
        os._exit(1)


def keep_memory_private() -> None:
    """Forbid other processes of this user to read our memory and environment; there is no core dump either."""
    _control(_SET_DUMPABLE, 0)


def _close(descriptor: int) -> None:
    with suppress(OSError):
        os.close(descriptor)


def _control(option: int, value: int) -> None:
    """Elsewhere than on Linux there is no such thing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, int(value), 0, 0, 0)


if __name__ == "__main__":
    tie(int(sys.argv[1]))
    try:
        os.execv(sys.argv[2], sys.argv[3:])  # noqa: S606
    except OSError as error:
        sys.exit(f"{sys.argv[2]} cannot be started: {error.strerror}")
