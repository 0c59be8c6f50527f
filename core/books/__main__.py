"""What a person at the server's console may do with the books: ``reprice`` prices calls that had no known price."""

import argparse
import sys

from core.books.repricing import reprice
from core.errors import AppError
from core.money import show_usd
from core.place import COMMAND
from core.pricing import price_book
from core.settings import settings
from core.store.database import open_store


def main() -> None:
    """Exit status 1 and one sentence if that cannot be done; it can be done again at any time."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("task", choices=["reprice"])
    parser.parse_args()
    try:
        store = open_store(settings().url)
        try:
            done = reprice(store, price_book(settings().price_book))
        finally:
            store.close()
    except AppError as error:
        sys.exit(error.for_user)
    sys.stdout.write(f"{done.calls:,} calls have a price now, {show_usd(done.total)} in all. ")
    sys.stdout.write(f"{done.left:,} calls still have none.\n")


if __name__ == "__main__":
    main()
