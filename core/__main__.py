"""The command line of the product: ``command-center`` where it is installed, ``python -m core`` in a checkout."""

import sys
from collections.abc import Callable
from importlib import import_module

from core.place import COMMAND, VERSION

# What each does, the module whose ``main`` does it, and whether that reads the command's own name, too.
_COMMANDS: dict[str, tuple[str, str, bool]] = {
    "serve": ("serve the pages and the API until a signal", "core.launch", False),
    "doctor": ("look at settings, disk, database, keys, prices and clock; say what is wrong", "core.doctor", False),
    "backup": ("write a checked backup of the database; the server may run", "core.store.__main__", True),
    "restore": ("put a backup back; no server may run", "core.store.__main__", True),
    "check": ("read the whole database and say what is damaged", "core.store.__main__", True),
    "access": ("set up the first admin, reset a password, encrypt secrets again", "core.access.__main__", False),
    "rollups": ("compare the sums with the ledger, or make them again", "core.analytics.rollups.__main__", False),
    "reprice": ("price the calls that had no known price", "core.books.__main__", True),
    "estimates": ("compare estimated tokens with counted ones", "core.pricing.__main__", True),
    "watch": ("send a message and watch the answer", "core.api.watch.__main__", False),
}


def main() -> None:
    """Run one command; exit status 2 if there is no such command."""
    given = sys.argv[1:]
    if not given or given[0] in ("-h", "--help", "help"):
        sys.stdout.write(_usage())
        return
    if given[0] in ("-V", "--version"):
        sys.stdout.write(f"Command Center {VERSION}\n")
        return
    if given[0] not in _COMMANDS:
        sys.stderr.write(f"There is no command {given[0]}.\n\n{_usage()}")
        sys.exit(2)
    _, module, named = _COMMANDS[given[0]]
    sys.argv = [f"{COMMAND} {given[0]}", *(given if named else given[1:])]
    run: Callable[[], int | None] = import_module(module).main
    sys.exit(run())


def _usage() -> str:
    lines = (f"  {name:10} {what}" for name, (what, *_) in _COMMANDS.items())
    return "\n".join((f"usage: {COMMAND} COMMAND", "", *lines, "", f"{COMMAND} COMMAND --help tells more.", ""))


if __name__ == "__main__":
    main()
