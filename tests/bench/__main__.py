"""``python -m tests.bench [analytics] [books] [engine] [page]``: the named ones, or all."""

import sys
from collections.abc import Callable

from tests.bench import analytics, books, engine, page

BENCHMARKS: dict[str, Callable[[], None]] = {
    "analytics": analytics.main,
    "books": books.main,
    "engine": engine.main,
    "page": page.main,
}

for name in sys.argv[1:] or BENCHMARKS:
    BENCHMARKS[name]()
