"""The operators and functions of the calculator, on decimals in whatever context is set."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from operator import add, mul, sub, truediv

Operation = Callable[..., Decimal]
_MOST_NUMBERS = 1_000


@dataclass(frozen=True, slots=True)
class Function:
    """``apply`` takes from ``least`` to ``most`` decimals."""

    apply: Operation
    least: int = 1
    most: int = 1


def _floor_divide(a: Decimal, b: Decimal) -> Decimal:
    quotient, rest = divmod(a, b)
    return quotient - 1 if rest and (rest < 0) != (b < 0) else quotient


def _mod(a: Decimal, b: Decimal) -> Decimal:
    """Return the remainder with the sign of ``b``, as mathematics has it."""
    rest = a % b
    return rest + b if rest and (rest < 0) != (b < 0) else rest


def _round(number: Decimal, digits: Decimal = Decimal(0)) -> Decimal:
    """Halves away from zero, as people do."""
    if digits != digits.to_integral_value():
        raise InvalidOperation
    with localcontext():
        return number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _sum(*numbers: Decimal) -> Decimal:
    return sum(numbers, Decimal(0))


OPERATORS: Mapping[type[ast.operator], Operation] = {
    ast.Add: add,
    ast.Sub: sub,
    ast.Mult: mul,
    ast.Div: truediv,
    ast.FloorDiv: _floor_divide,
    ast.Pow: pow,
}
FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(abs),
    "avg": Function(lambda *numbers: _sum(*numbers) / len(numbers), 1, _MOST_NUMBERS),
    "ceil": Function(lambda number: number.to_integral_value(ROUND_CEILING)),
    "exp": Function(Decimal.exp),
    "floor": Function(lambda number: number.to_integral_value(ROUND_FLOOR)),
    "ln": Function(Decimal.ln),
    "log10": Function(Decimal.log10),
    "max": Function(lambda *numbers: max(numbers), 1, _MOST_NUMBERS),
    "min": Function(lambda *numbers: min(numbers), 1, _MOST_NUMBERS),
    "mod": Function(_mod, 2, 2),
    "round": Function(_round, 1, 2),
    "sqrt": Function(Decimal.sqrt),
    "sum": Function(_sum, 1, _MOST_NUMBERS),
}
