"""What a person at the server's console may do, beside the running servers or without them.

``rotate`` encrypts provider keys and servers' secrets again, ``link`` prints the address where the first admin is set
up, and ``reset EMAIL`` the one where that person chooses a new password.
"""

import argparse
import sys
from argparse import Namespace
from collections.abc import Callable

from core.access.credentials import Credentials
from core.access.encrypted import encryption_keys
from core.access.links import Link, address
from core.access.people import People
from core.errors import AppError, InputError
from core.place import COMMAND
from core.settings import Settings, settings
from core.store.database import Store, existing, open_store


def main() -> None:
    """Exit status 1 and one sentence if that cannot be done; it is then as it was, or can be done again."""
    parser = argparse.ArgumentParser(prog=f"{COMMAND} access", description=__doc__)
    tasks = parser.add_subparsers(required=True, metavar="TASK")
    tasks.add_parser("rotate", help="encrypt provider keys and servers' secrets again").set_defaults(run=_rotate)
    tasks.add_parser("link", help="print the address where the first admin is set up").set_defaults(run=_set_up)
    reset = tasks.add_parser("reset", help="print the address where a person chooses a new password")
    reset.add_argument("email")
    reset.set_defaults(run=_reset)
    given = parser.parse_args()
    run: Callable[[Settings, Store, Namespace], str] = given.run
    try:
        existing(settings().url)
        store = open_store(settings().url)
        try:
            said = run(settings(), store, given)
        finally:
            store.close()
    except AppError as error:
        sys.exit(error.for_user)
    sys.stdout.write(f"{said}\n")


def _rotate(chosen: Settings, store: Store, _given: Namespace) -> str:
    count = Credentials(store, encryption_keys(store, chosen)).rotate()
    said = f"{count} provider keys and secrets of servers were encrypted again."
    return f"{said} {_after(given=chosen.encryption_keys is not None)}"


def _after(*, given: bool) -> str:
    if given:
        return "Only the first of ENCRYPTION_KEYS is needed now; take the others out, then start the servers again."
    return "The key file has a new key. Older backups need the old key."


def _set_up(chosen: Settings, store: Store, _given: Namespace) -> str:
    link = People(store).set_up_link()
    if link is None:
        raise InputError(
            "There is an admin already, who invites others. For a forgotten password, "
            f"{COMMAND} access reset EMAIL prints an address to choose another."
        )
    return _shown(chosen, link)


def _reset(chosen: Settings, store: Store, given: Namespace) -> str:
    return _shown(chosen, People(store).rescue_link(given.email))


def _shown(chosen: Settings, link: Link) -> str:
    return f"{address(chosen, link)}\nIt works once, until {link.expires_at:%Y-%m-%d %H:%M} UTC."


if __name__ == "__main__":
    main()
