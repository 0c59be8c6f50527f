"""Checks what the server needs, says in one sentence what is missing, and then becomes the server."""

import errno
import os
import runpy
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlsplit

from uvicorn.config import HTTP_PROTOCOLS

from core.api.guard.connection import Connection
from core.children import keep_memory_private
from core.errors import AppError, SetupError
from core.logs import set_up_logging
from core.place import COMMAND, PROJECT
from core.settings import Settings, settings

BIND_SECONDS = 5.0
_BIND_AGAIN_SECONDS = 0.2


def main() -> None:
    """Serve until a signal; exit status 1 and one sentence on standard error if that cannot begin."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    keep_memory_private()
    try:
        chosen = settings()
        set_up_logging(chosen.log_level, chosen.secrets)
        check_port(chosen.bind_address, chosen.port)
        check_data_dir(chosen.data_dir)
        with _open_books():
            _show_set_up_link(chosen)
            _serve(chosen)
    except AppError as error:
        sys.exit(f"Command Center did not start. {error.for_user}")


def check_port(address: str, port: int) -> None:
    """Raise SetupError if nothing could listen there for some seconds: the process there before may be about to go."""
    give_up = monotonic() + BIND_SECONDS
    while (error := cannot_listen(address, port)) is not None:
        if error.errno != errno.EADDRINUSE or monotonic() > give_up:
            raise SetupError(_about_port(address, port, error)) from None
        sleep(_BIND_AGAIN_SECONDS)


def cannot_listen(address: str, port: int) -> OSError | None:
    """Return the error that listening there would end in; None if it can begin."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            return error
    return None


def _about_port(address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use already: stop what listens there, or choose another with PORT={port + 1}."
    return f"Nothing can listen on {address} port {port} ({error.strerror}): choose another PORT or BIND_ADDRESS."


def check_data_dir(folder: Path) -> None:
    """Create the folder if need be; raise SetupError if this user cannot write to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SetupError(
            f"The folder {folder} cannot be written ({error.strerror}): let this user write there, "
            "or name another with DATA_DIR."
        ) from None


@contextmanager
def _open_books() -> Iterator[None]:
    from core.wiring import drain, start

    start()
    # The server ends at a signal and then raises it once more: that, too, is a good end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        drain()


def _show_set_up_link(chosen: Settings) -> None:
    """Print it on the console alone: its reader becomes the first admin, so no log may have it."""
    from core.access.links import address
    from core.wiring import services

    link = services().access.people.set_up_link() if chosen.auth == "accounts" else None
    if link is not None:
        sys.stdout.write(
            f"Set up the first admin at {address(chosen, link)} within 24 hours; later, "
            f"{COMMAND} access link prints another address.\n"
        )
        sys.stdout.flush()


def _serve(chosen: Settings) -> None:
    # Streamlit starts uvicorn without a word on how connections are to be served.
    HTTP_PROTOCOLS["auto"] = f"{Connection.__module__}:{Connection.__qualname__}"
    # The server believes these when they say for whom they ask; without a proxy each visitor could say so.
    os.environ["FORWARDED_ALLOW_IPS"] = chosen.forwarded_allow_ips if chosen.public_url else ""
    public = urlsplit(chosen.public_url).hostname or "localhost"
    sys.argv = [
        "streamlit",
        "run",
        str(PROJECT / "app.py"),
        f"--server.address={chosen.bind_address}",
        f"--server.port={chosen.port}",
        f"--browser.serverAddress={public}",
        *(f"--server.allowedHosts={host}" for host in sorted({"localhost", "127.0.0.1", "::1", public})),
    ]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
