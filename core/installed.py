"""Begins the installed command; in the wheel this file is the whole package's ``__init__``.

The product's own packages lie in the folder of this file, so that ``core`` and ``pages`` are no names of anybody else's
environment.
"""

import sys
from pathlib import Path


def main() -> None:
    """Run the command line with this folder as the place of the product's packages."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from core.__main__ import main as run

    run()
