"""A known hole in a package is named and fails; not knowing is said and does not."""

import json

from tests.advisories import judge


def test_a_known_hole_is_named_and_fails() -> None:
    holey = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1"}]}
    others = [{"name": "b", "version": "2", "vulns": []}, {"name": "c", "skip_reason": "unknown"}]
    said, holes = judge(json.dumps({"dependencies": [holey, *others]}))
    assert (said.splitlines()[1:], holes) == (["  a 1: CVE-1"], True)
    assert "2 of 3 could be asked about" in said


def test_what_nobody_can_tell_fails_nothing() -> None:
    assert judge("") == judge("{}") == ("Known holes of packages: nobody could be asked.", False)
    assert judge('{"dependencies": []}')[1] is False
