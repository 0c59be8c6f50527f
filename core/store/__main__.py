"""What can be done with the database from a console.

``backup TARGET`` writes a checked backup beside the running server, ``restore SOURCE`` puts one back while no server
runs, and ``check`` reads the whole database and says what is damaged.
"""

import argparse
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path

from core.errors import AppError
from core.place import COMMAND
from core.settings import settings
from core.store.backup import back_up, check, restore

_KEPT = 14


def main() -> None:
    """Exit status 1 and one sentence if it cannot be done, or if something is wrong."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    tasks = parser.add_subparsers(required=True, metavar="TASK")
    backup = tasks.add_parser("backup", help="write a checked backup; the server may run")
    backup.add_argument("target", type=Path, help="a folder, or a file that ends with .db or .dump")
    backup.add_argument("--keep", type=_number, default=_KEPT, help=f"newest backups kept in a folder ({_KEPT})")
    backup.set_defaults(run=_back_up)
    back = tasks.add_parser("restore", help="put a backup back; no server may run")
    back.add_argument("source", type=Path)
    back.add_argument("--replace", action="store_true", help="in place of a database that is there")
    back.set_defaults(run=_restore)
    tasks.add_parser("check", help="read the whole database and say what is damaged").set_defaults(run=_check)
    given = parser.parse_args()
    run: Callable[[str, Namespace], int] = given.run
    try:
        sys.exit(run(settings().url, given))
    except AppError as error:
        sys.exit(error.for_user)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise ArgumentTypeError("at least 1")
    return int(text)


def _back_up(url: str, given: Namespace) -> int:
    made = back_up(url, given.target, given.keep)
    _say(f"{made.path}: checked, {made.lines:,} ledger lines, readable by this user alone.")
    if made.removed:
        _say(f"{len(made.removed)} older backup{'' if len(made.removed) == 1 else 's'} removed.")
    _say("Keep the key file encryption.keys too, but apart: with it the keys in a backup can be read.")
    return 0


def _restore(url: str, given: Namespace) -> int:
    kept = restore(url, given.source, replace=given.replace)
    _say(f"{given.source} is restored; start the server.")
    if kept:
        _say(f"The database of before is kept as {kept}.")
    return 0


def _check(url: str, _given: Namespace) -> int:
    wrong = check(url)
    _say("\n".join(wrong) or "The database is whole.")
    return min(len(wrong), 1)


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


if __name__ == "__main__":
    main()
