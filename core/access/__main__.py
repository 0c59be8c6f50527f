"""``python -m core.access rotate``: encrypt the provider keys anew; beside the running servers or without them."""

import argparse
import sys

from core.access.credentials import Credentials
from core.access.encryption import encryption_keys
from core.errors import AppError
from core.settings import settings
from core.store.database import open_store


def main() -> None:
    """Exit status 1 and one sentence if that cannot be done; it is then as it was, or can be done again."""
    parser = argparse.ArgumentParser(prog="python -m core.access", description=__doc__)
    parser.add_argument("task", choices=("rotate",))
    parser.parse_args()
    try:
        keys = encryption_keys(settings())
        store = open_store(settings().url)
        try:
            count = Credentials(store, keys).rotate()
        finally:
            store.close()
    except AppError as error:
        sys.exit(error.for_user)
    sys.stdout.write(
        f"{count} provider keys are encrypted anew. {_after(given=settings().encryption_keys is not None)}\n"
    )


def _after(*, given: bool) -> str:
    if given:
        return "Only the first of ENCRYPTION_KEYS is needed now; take the others out, then start the servers again."
    return "The key file has a new key. Backups of before need the old one."


if __name__ == "__main__":
    main()
