"""``python -m tests.bench [NAME …]``: those of the benchmarks below that are named, or all."""

import sys
from collections.abc import Callable

from tests.bench import analytics, bill, books, cuts, engine, exports, loop, page, pages, route, strangers
from tests.bench.filled import filled_databases

OF_A_YEAR: dict[str, Callable[[str], None]] = {
    "analytics": analytics.measure,
    "exports": exports.measure,
    "pages": pages.measure,
}
"""They read a filled database, one after the other the same one."""
OTHERS: dict[str, Callable[[], None]] = {
    "books": books.main,
    "engine": engine.main,
    "loop": loop.main,
    "route": route.main,
    "page": page.main,
    "bill": bill.main,
    "cuts": cuts.main,
    "strangers": strangers.main,
}


def main() -> None:
    wanted = sys.argv[1:] or [*OF_A_YEAR, *OTHERS]
    unknown = set(wanted) - {*OF_A_YEAR, *OTHERS}
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}. There are {', '.join([*OF_A_YEAR, *OTHERS])}.")
    of_a_year = [OF_A_YEAR[name] for name in wanted if name in OF_A_YEAR]
    for url in filled_databases() if of_a_year else ():
        for measure in of_a_year:
            measure(url)
    for name in wanted:
        if name in OTHERS:
            OTHERS[name]()


main()
