"""A table of spend says all there is, exactly, a line each."""

from hypothesis import given
from hypothesis import strategies as st

from core.analytics.spend import Spend
from core.toolbox.query_costs import spend_table

SPENDS = st.builds(Spend, calls=st.integers(0, 10**6), spend=st.integers(0, 10**18), estimated=st.integers(0, 10**9))
ROWS = st.lists(st.tuples(st.text(max_size=20), SPENDS), max_size=130)


def test_each_row_and_the_total_have_a_line() -> None:
    rows = [
        ("a", Spend(calls=2, spend=1_500_000_000, quantities=(7, 0, 0, 0))),
        ("b", Spend(calls=1, spend=1, estimated=1)),
    ]
    assert spend_table(rows).splitlines()[1:] == [
        "a | 1.500000000 | 0.000000000 | 2 | 0 | 7 | 0 | 0 | 0",
        "b | 0.000000001 | 0.000000001 | 1 | 0 | 0 | 0 | 0 | 0",
        "total | 1.500000001 | 0.000000001 | 3 | 0 | 7 | 0 | 0 | 0",
    ]


def test_unpriced_calls_are_not_taken_for_free_ones() -> None:
    table = spend_table([("a", Spend(calls=2, unpriced_calls=2))])
    assert "total | unknown | 0.000000000 | 2 | 2 |" in table
    assert table.endswith("the dollars leave them out.")


def test_nothing_at_all_is_a_total_of_nothing() -> None:
    assert spend_table([]).splitlines()[1:] == ["total | 0.000000000 | 0.000000000 | 0 | 0 | 0 | 0 | 0 | 0"]


@given(ROWS)
def test_the_lines_add_up_to_the_total_whatever_the_names(rows: list[tuple[str, Spend]]) -> None:
    _, *lines, total = [line.split(" | ") for line in spend_table(rows).split("\n")]
    assert len(lines) == min(len(rows), 101)
    assert {len(line) for line in lines} <= {9}
    nanos = [int(line[1].replace(".", "")) for line in lines]
    assert sum(nanos) == int(total[1].replace(".", "")) == sum(spend.spend for _, spend in rows)
    assert sum(int(line[3]) for line in lines) == int(total[3])
