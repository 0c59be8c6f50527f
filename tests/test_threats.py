"""Each threat we know of has tests named for it; and packages are what they were when they were chosen (T22)."""

import re
import sysconfig
from fnmatch import fnmatch
from pathlib import Path

from tests.house_rules import PROJECT, names_of_tests, read_modules

THREATS = {
    1: "images that a model writes are never loaded",
    2: "markup that a model, a person or a tool writes stays text",
    3: "no cell of a file is a formula",
    4: "finance reads sums, never texts",
    5: "a tool runs with the rights of whoever asks",
    6: "no tool reaches addresses inside",
    7: "a caller sets no key, address or model",
    8: "a stolen database gives away no token",
    9: "no secret is in a log, a trace or an answer",
    10: "whoever has to leave is out at once",
    11: "ids of others are worth nothing",
    12: "SQL in a parameter is a text",
    13: "no path leads out",
    14: "no text becomes code",
    15: "passwords cannot be guessed, nor accounts",
    16: "nobody asks more than their share",
    17: "no body is too large or too deep",
    18: "who is slow holds up nobody",
    19: "only our own names and pages are answered",
    20: "whatever is sent to the pages' socket, everything goes on",
    21: "a session that was forged or stolen is none",
    22: "packages are the ones that were chosen",
    23: "every answer has its safe headers",
    24: "keys of providers lie encrypted",
    25: "a link to a file is short-lived and says who made it",
    26: "nothing is open to others without sign-in",
}
_PINNED = re.compile(r"[\w.\[\]-]+==\S+.*\\\n\s+--hash=sha256:[0-9a-f]{64}")
# What setuptools brings along.
_STARTS_WITH_PYTHON = {"distutils-precedence.pth", "_virtualenv.pth"}


def test_every_threat_has_tests_named_for_it() -> None:
    tested = {int(found[1]) for name in names_of_tests() if (found := re.match(r"test_t(\d+)_", name))}
    assert tested == set(THREATS)


def test_t24_no_file_of_the_data_folder_can_be_committed() -> None:
    ignored = (PROJECT / ".gitignore").read_text("utf-8").split()
    text = "\n".join(module.text for module in read_modules("core"))
    kept = set(re.findall(r"data_dir / \"([^\"]+)\"", text))
    assert {"signing.key", "cookie.key", "encryption.keys", "spool"} <= kept
    assert [name for name in kept if not any(fnmatch(f"data/{name}", each.rstrip("/")) for each in ignored)] == []


def test_t22_every_package_is_pinned_with_its_hashes() -> None:
    for name in ("requirements.txt", "requirements-test.txt"):
        wanted = re.split(r"\n(?=[a-z0-9])", (PROJECT / name).read_text("utf-8"), flags=re.IGNORECASE)
        packages = [each for each in wanted if not each.startswith("#")]
        assert len(packages) > 50
        assert [each for each in packages if not _PINNED.match(each)] == []


def test_t22_no_package_runs_code_whenever_python_starts() -> None:
    assert {each.name for each in Path(sysconfig.get_paths()["purelib"]).glob("*.pth")} <= _STARTS_WITH_PYTHON


def test_t22_nothing_is_installed_but_by_the_lists() -> None:
    make = (PROJECT / "Makefile").read_text("utf-8")
    installs = [line.strip() for line in make.splitlines() if "pip install" in line]
    assert [line for line in installs if "--require-hashes" not in line and "uv==" not in line] == []
