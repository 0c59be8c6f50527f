"""``python -m core.pricing estimates``: how near estimated tokens are to those of this installation's replies.

Of replies that were seen to their end both the text and the provider's own count are known.
"""

import argparse
import sys
from collections.abc import Iterator

from core.analytics.accuracy import Accuracy, by_model_and_script, compare
from core.errors import AppError
from core.place import COMMAND
from core.settings import settings
from core.store.database import Store, open_store


def main() -> None:
    """Exit status 1 and a sentence if the database cannot be used."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("task", choices=("estimates",))
    parser.parse_args()
    try:
        store = open_store(settings().url)
        try:
            sys.stdout.write("\n".join(report(store)) + "\n")
        finally:
            store.close()
    except AppError as error:
        sys.exit(error.for_user)


def report(store: Store) -> Iterator[str]:
    """Yield a line for each model and script, under a line of headings."""
    with store.read() as connection:
        groups = by_model_and_script(compare(connection))
    if not groups:
        yield "There are no finished replies yet to compare estimates with."
        return
    yield f"{'model':32} {'script':12} {'replies':>8} {'estimate/true':>14} {'9 in 10 within':>15} {'over bound':>11}"
    for (model, script, simulated), found in groups.items():
        yield _line(f"{model}{' (simulated)' if simulated else ''}", script, found)


def _line(model: str, script: str, found: Accuracy) -> str:
    within = "too few" if found.off is None else f"±{found.off:.0%}"
    return f"{model:32} {script:12} {found.replies:8,} {found.ratio:14.2f} {within:>15} {found.over:11,}"


if __name__ == "__main__":
    main()
