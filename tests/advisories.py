"""``python -m tests.advisories``: ask whether a pinned package has a known hole; exit status 1 if one has.

Where nobody can be asked, it says so and fails nothing: a machine without internet must be able to build.
"""

import json
import subprocess
import sys
from typing import Any

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
    said, holes = judge(asked.stdout)
    sys.stdout.write(said + "\n")
    sys.exit(1 if holes else 0)


def judge(report: str) -> tuple[str, bool]:
    """What the report comes to, and whether it names a hole."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        return "Known holes of packages: nobody could be asked.", False
    asked = [package for package in packages if "vulns" in package]
    holes = [f"  {each['name']} {each['version']}: {hole['id']}" for each in asked for hole in each["vulns"]]
    count = f"Known holes of packages: {len(holes)}; {len(asked)} of {len(packages)} could be asked about."
    return "\n".join([count, *holes]), bool(holes)


if __name__ == "__main__":
    main()
