"""Which Command Center this is."""

import tomllib

from core.settings import PROJECT

VERSION: str = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
