"""``python -m tests.bench [engine] [books] [page]``: the named ones, or all."""

import sys
from collections.abc import Callable

from tests.bench import books, engine, page

BENCHMARKS: dict[str, Callable[[], None]] = {"books": books.main, "engine": engine.main, "page": page.main}

for name in sys.argv[1:] or BENCHMARKS:
    BENCHMARKS[name]()
