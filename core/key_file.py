"""A file with a key: made by the first who needs it, whole at once, for this user alone."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from core.errors import SetupError


def key_file(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return what is in the file; if there is none, what ``make`` gives is now in it. Raises SetupError."""
    try:
        if not path.exists():
            write_key_file(path, make(), replace=False)
        return path.read_bytes()
    except OSError as error:
        raise SetupError(
            f"The key {path} cannot be used ({error.strerror}). Let this user read and write it."
        ) from None


def write_key_file(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a key; without ``replace`` the first of several processes that do so at once has its way.

    Raises OSError.
    """
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        (os.replace if replace else os.link)(unfinished, path)
    except FileExistsError:
        pass
    finally:
        Path(unfinished).unlink(missing_ok=True)
