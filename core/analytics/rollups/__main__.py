"""``rollups check`` and ``rollups rebuild``: compare the sums with the ledger, or make them again."""

import argparse
import sys
from zoneinfo import ZoneInfo

from core.analytics.rollups.check import differences
from core.analytics.rollups.refresh import refresh
from core.analytics.rollups.state import empty_tables
from core.clock import now
from core.errors import AppError
from core.place import COMMAND
from core.settings import settings
from core.store.database import Store, existing, open_store


def main() -> None:
    """Exit status 1 if the sums are not the ledger's or the database cannot be used."""
    parser = argparse.ArgumentParser(prog=f"{COMMAND} rollups", description=__doc__)
    parser.add_argument("task", choices=("check", "rebuild"))
    task = parser.parse_args().task
    try:
        existing(settings().url)
        store = open_store(settings().url)
        try:
            sys.exit(check(store) if task == "check" else rebuild(store, ZoneInfo(settings().time_zone)))
        finally:
            store.close()
    except AppError as error:
        sys.exit(error.for_user)


def check(store: Store) -> int:
    """Says what differs; returns the exit status."""
    wrong = 0
    for wrong, sentence in enumerate(differences(store), 1):  # noqa: B007 - the number of the last one is used
        say(sentence)
    say("Run rebuild to make the sums again." if wrong else "The sums agree with the ledger.")
    return min(wrong, 1)


def rebuild(store: Store, zone: ZoneInfo) -> int:
    """Other processes may go on: what is not summed up yet is read from the ledger."""
    store.write(lambda connection: empty_tables(connection, zone)).result()
    done = 0
    while hours := refresh(store, zone, now()):
        done += hours
        say(f"{done} hours")
    say("The sums were made again.")
    return 0


def say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
