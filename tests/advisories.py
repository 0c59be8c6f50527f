"""``python -m tests.advisories``: ask whether a pinned package has a known hole; exit status 1 if one has.

Where nobody can be asked, it says so and fails nothing, because a machine without internet must be able to build; with
``ADVISORIES=required`` in the environment, which belongs wherever there is internet, that fails as well.
"""

import json
import os
import subprocess
import sys
from typing import Any

_HOW = "Run it where there is internet, with ADVISORIES=required, so that it fails where nobody answers."
LISTS = ("requirements.txt", "requirements-test.txt")
_AUDIT = (
    sys.executable,
    "-m",
    "pip_audit",
    "--disable-pip",
    "--require-hashes",
    "--format=json",
    "--progress-spinner=off",
)


def main() -> None:
    lists = [part for name in LISTS for part in ("--requirement", name)]
    asked = subprocess.run([*_AUDIT, *lists], capture_output=True, text=True, check=False)
    said, failed = judge(asked.stdout, required=os.environ.get("ADVISORIES") == "required")
    sys.stdout.write(said + "\n")
    sys.exit(1 if failed else 0)


def judge(report: str, *, required: bool) -> tuple[str, bool]:
    """Return what the report comes to, and whether it fails: for a hole and, if required, for a package not asked."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        return f"Known holes of packages: nobody could be asked. {_HOW}", required
    asked = [package for package in packages if "vulns" in package]
    holes = [f"  {each['name']} {each['version']}: {hole['id']}" for each in asked for hole in each["vulns"]]
    count = f"Known holes of packages: {len(holes)}; {len(asked)} of {len(packages)} could be asked about."
    unknown = len(asked) < len(packages) or not packages
    return "\n".join([count, *holes, *([_HOW] if unknown else [])]), bool(holes) or (required and unknown)


if __name__ == "__main__":
    main()
