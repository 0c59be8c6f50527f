"""Where the product lies, where its data do, and how its command line is called."""

import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
_IS_CHECKOUT = (PROJECT / "Makefile").is_file()
HOME = PROJECT if _IS_CHECKOUT else Path.cwd()
"""Where ``.env`` is, and the data unless DATA_DIR says otherwise: the folder an installed command was started in."""
COMMAND = ".venv/bin/python -m core" if _IS_CHECKOUT else "command-center"
VERSION: str = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
