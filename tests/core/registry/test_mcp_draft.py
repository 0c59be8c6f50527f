"""What people type for a server, turned into what is saved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.registry.mcp_draft import args_from, line_of, secrets_from


@given(st.lists(st.text()))
def test_arguments_are_the_same_when_they_were_shown_and_typed_again(args: list[str]) -> None:
    assert args_from(line_of(args)) == tuple(args)


@pytest.mark.parametrize("line", ["'open", 'x "y', "end\\"])
def test_a_line_that_no_shell_would_take_is_refused(line: str) -> None:
    with pytest.raises(InputError, match="open quote"):
        args_from(line)


def test_a_blank_value_keeps_and_a_blank_row_counts_for_nothing() -> None:
    rows = [("KEY", ""), (" NEW ", " v "), ("", ""), ("", "")]
    assert secrets_from(rows) == {"KEY": None, "NEW": " v "}


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="“KEY” is given twice"):
        secrets_from([("KEY", "1"), ("KEY ", "2")])
