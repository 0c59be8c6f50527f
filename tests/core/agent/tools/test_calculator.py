"""The calculator is right to the last digit, says when it rounded, and cannot be made to do anything else."""

import time
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.agent.tools.calculator import calculator
from core.agent.tools.typed import typed_tool
from core.errors import ToolError
from tests.core.agent.tools.asking import run

ROUNDED = " (rounded to 40 digits)"


def answer(expression: str) -> tuple[str, bool]:
    """What the calculator says, and whether it is a result."""
    try:
        return calculator(expression), True
    except ToolError as error:
        return error.for_user, False


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("0.1 + 0.2", "0.3"),
        ("2 ^ 10", "1024"),
        ("2 ** 3 ** 2", "512"),
        ("-2 ^ 2", "-4"),
        ("+5 − 3", "2"),
        ("6 × 7 ÷ 2", "21"),
        ("7 // 2", "3"),
        ("-7 // 2", "-4"),
        ("mod(-7, 3)", "2"),
        ("mod(7, -3)", "-2"),
        ("15% of 80", "12"),
        ("80 * 115%", "92"),
        ("50 / 10%", "500"),
        ("2 ^ 100%", "2"),
        (".5% of 200", "1"),
        ("(5% + 5%) of 30", "3"),
        ("1e3 + 1_000", "2000"),
        ("1 +\n2", "3"),
        ("round(2.5)", "3"),
        ("round(-2.345, 2)", "-2.35"),
        ("round(1234, -2)", "1200"),
        ("floor(-1.5) + ceil(1.2)", "0"),
        ("max(1, 3, 2) - min(4, 5)", "-1"),
        ("avg(1, 2, 6) + sum(1, 2)", "6"),
        ("sqrt(144) + abs(-3)", "15"),
        ("ln(exp(0)) + log10(1000)", "3"),
        ("1 / 3", "0." + "3" * 40 + ROUNDED),
        ("sqrt(2)", "1.41421356237309504880168872420969807857" + ROUNDED),
        ("2 ^ 120", "1329227995784915872903807060280344576"),
        ("10 ^ 50", "1E+50"),
        ("12345678901234567890 * 98765432109876543210", "1219326311370217952237463801111263526900"),
        ("0 * -1", "0"),
        ("-" * 499 + "1", "-1"),
    ],
)
def test_it_knows_arithmetic(expression: str, result: str) -> None:
    assert calculator(expression) == result


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("", "cannot read"),
        ("1 +", "cannot read"),
        ("1\x00", "cannot read"),
        ("1 + \ud800", "characters"),
        ("1 / 0", "by zero"),
        ("0 / 0", "not defined"),
        ("mod(1, 0)", "not defined"),
        ("1 // 0", "not defined"),
        ("sqrt(-1)", "not defined"),
        ("0 ^ 0", "not defined"),
        ("(-8) ^ 0.5", "not defined"),
        ("9 ^ 9 ^ 9 ^ 9", "larger than"),
        ("10 ^ -99999", "smaller than"),
        ("1e99999", "larger than"),
        ("exp(99999999)", "larger than"),
        ("round(1, 0.5)", "not defined"),
        ("round(1, 9999)", "not defined"),
        ("1,234.5", "thousands separators"),
        ("(1 + 2)%", "cannot read"),
        ("7 % 3", "mod"),
        ("7 %(3)", "mod"),
        ("0x10", "not defined"),
        ("2j", "does not know"),
        ("True + 1", "not defined"),
        ("'a' * 3", "does not know"),
        ("x + 1", "does not know 'x'"),
        ("1 if 1 else 2", "does not know"),
        ("1 < 2", "does not know"),
        ("~1", "does not know"),
        ("1 << 9", "does not know"),
        ("[1][0]", "does not know"),
        ("(1).real", "does not know"),
        ("(lambda: 1)()", "does not know"),
        ("__import__('os').system('true')", "does not know"),
        ("eval('1')", "no function eval"),
        ("pow(2, 3)", "no function pow"),
        ("max(*[1])", "does not know"),
        ("round(number=1)", "does not know"),
        ("sqrt()", "cannot take 0 numbers"),
        ("(" * 240 + "1" + ")" * 240, "cannot read"),
        ("1" * 501, "longer than"),
    ],
)
def test_it_says_what_it_cannot_do(expression: str, wrong: str) -> None:
    with pytest.raises(ToolError, match=wrong):
        calculator(expression)


@pytest.mark.parametrize(
    "expression", ["9^9^9", "1.0000001^999999999", "0.5^9000", "1^" * 160 + "1", "+".join("9" * 250), "exp(20000)"]
)
def test_no_expression_takes_long(expression: str) -> None:
    began = time.thread_time()
    result, worked = answer(expression)
    assert worked or "larger" in result
    assert time.thread_time() - began < 0.5


OPERATIONS: dict[str, Callable[[Fraction, Fraction], Fraction | int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
}
NUMBERS = st.decimals(min_value=0, max_value=10**6, places=3, allow_nan=False, allow_infinity=False)


def _number(value: Decimal) -> tuple[str, Fraction]:
    return f"{value:f}", Fraction(value)


@st.composite
def _combined(draw: st.DrawFn, parts: st.SearchStrategy[tuple[str, Fraction]]) -> tuple[str, Fraction]:
    (left, a), (right, b) = draw(parts), draw(parts)
    sign = draw(st.sampled_from(sorted(OPERATIONS)))
    assume(b or sign not in {"/", "//"})
    return f"({left}) {sign} ({right})", Fraction(OPERATIONS[sign](a, b))


EXPRESSIONS = st.recursive(
    st.builds(_number, NUMBERS),
    lambda parts: (
        _combined(parts)
        | st.builds(lambda part: (f"-({part[0]})", -part[1]), parts)
        | st.builds(lambda part, n: (f"({part[0]}) ^ {n}", part[1] ** n), parts, st.integers(1, 3))
        | st.builds(lambda part, p: (f"{p}% of ({part[0]})", part[1] * p / 100), parts, st.integers(0, 300))
        | st.builds(lambda a, b: (f"max({a[0]}, {b[0]})", max(a[1], b[1])), parts, parts)
    ),
    max_leaves=6,
)


@given(EXPRESSIONS)
def test_what_is_not_called_rounded_is_exact(expression: tuple[str, Fraction]) -> None:
    written, exact = expression
    assume(len(written) <= 500)
    result, worked = answer(written)
    if not worked:
        assert "40 digits" in result
    elif not result.endswith(ROUNDED):
        assert Fraction(result) == exact


@given(NUMBERS, NUMBERS, st.sampled_from(["+", "-", "*", "/"]))
def test_one_step_is_right_to_forty_digits(a: Decimal, b: Decimal, sign: str) -> None:
    assume(b or sign != "/")
    exact = Fraction(OPERATIONS[sign](Fraction(a), Fraction(b)))
    result = Fraction(calculator(f"{a:f} {sign} {b:f}").removesuffix(ROUNDED))
    assert abs(result - exact) <= abs(exact) * Fraction(1, 10**39)


@given(st.text(st.sampled_from("0123456789.+-*/^%(), eofmaxsqrt_\n×'[]"), max_size=60) | st.text(max_size=60))
def test_any_text_has_a_result_or_a_plain_error(text: str) -> None:
    result, worked = answer(text)
    assert Decimal(result.removesuffix(ROUNDED)).is_finite() if worked else result.endswith(".")


def test_the_model_gets_its_errors_as_results() -> None:
    outcome = run(typed_tool(calculator), {"expression": "1 / 0"})
    assert (outcome.text, outcome.failure) == ("This divides by zero.", "failed")
