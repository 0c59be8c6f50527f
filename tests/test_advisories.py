"""A known hole in a package is named and fails; not knowing is said, and fails where knowing is required."""

import json

import pytest

from tests.advisories import judge

HOLEY = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1"}]}
FINE, UNKNOWN = {"name": "b", "version": "2", "vulns": []}, {"name": "c", "skip_reason": "unknown"}


def report(*packages: object) -> str:
    return json.dumps({"dependencies": packages})


@pytest.mark.parametrize("required", [False, True])
def test_a_known_hole_is_named_and_fails(required: bool) -> None:
    said, failed = judge(report(HOLEY, FINE, UNKNOWN), required=required)
    assert (said.splitlines()[1], failed) == ("  a 1: CVE-1", True)
    assert "2 of 3 could be asked about" in said


@pytest.mark.parametrize("unanswered", ["", "{}", report(), report(FINE, UNKNOWN), report(UNKNOWN)])
def test_j1_what_nobody_can_tell_is_said_and_fails_only_where_it_is_required(unanswered: str) -> None:
    for required in (False, True):
        said, failed = judge(unanswered, required=required)
        assert failed is required
        assert "ADVISORIES=required" in said


def test_when_all_are_known_and_fine_nothing_fails() -> None:
    assert judge(report(FINE), required=True)[1] is False
