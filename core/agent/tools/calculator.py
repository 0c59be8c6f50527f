"""Arithmetic in decimals, by walking a parsed expression: nothing in it is ever run as code."""

import ast
import re
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, Underflow, localcontext
from typing import Annotated

from pydantic import Field

from core.agent.tools.arithmetic import FUNCTIONS, OPERATORS
from core.errors import ToolError

_DIGITS = 40
_LONGEST = 500
_PLAIN_FROM, _PLAIN_TO = -20, 40
_CONTEXT = Context(prec=_DIGITS, Emax=9_999, Emin=-9_999, traps=[DivisionByZero, InvalidOperation, Overflow, Underflow])
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "^": "**", "\n": " "})
_PERCENT = re.compile(r"(?<![\w.])((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*%(?!\s*[\w.(])")
_OF = re.compile(r"\bof\b")


def calculator(
    expression: Annotated[
        str, Field(description="For example 1234.5 * 1.19, 15% of 80, (2 + 3)^2 / 7 or round(sqrt(2), 4).")
    ],
) -> str:
    """Work out an arithmetic expression in decimals of 40 digits.

    It knows + - * / // (rounded down) ^ and parentheses. A % after a number divides it by 100 and "of" multiplies: to
    add 15 %, write 80 * 115%. Functions: abs, avg, ceil, exp, floor, ln, log10, max, min, mod(a, b),
    round(number, digits), sqrt, sum. Write numbers without thousands separators and with a point for decimals.
    """
    if len(expression) > _LONGEST:
        raise ToolError(f"The expression is longer than {_LONGEST} characters. Work it out in parts.")
    with localcontext(_CONTEXT) as context:
        shown = _shown(_worked_out(_in_python(expression)))
        return f"{shown} (rounded to {_DIGITS} digits)" if context.flags[Inexact] else shown


def _in_python(expression: str) -> str:
    return _PERCENT.sub(r"(\1/100)", _OF.sub("*", expression.translate(_SIGNS))).strip()


def _worked_out(text: str) -> Decimal:
    try:
        return _Walk(text).result()
    except SyntaxError as error:
        near = text[max(0, (error.offset or 1) - 4) :][:12]
        raise ToolError(f"The calculator cannot read this near {near!r}.") from None
    except ZeroDivisionError:
        raise ToolError("This divides by zero.") from None
    except (Overflow, Underflow):
        raise ToolError("A number in this becomes larger than 10^9999 or smaller than 10^-9999.") from None
    except InvalidOperation:
        raise ToolError("This is not defined, like the root of -1, or needs more than 40 digits.") from None
    except ValueError:
        raise ToolError("This holds characters that are in no expression.") from None


def _shown(value: Decimal) -> str:
    value = value.normalize() if value else Decimal(0)
    return f"{value:f}" if _PLAIN_FROM <= value.adjusted() <= _PLAIN_TO else str(value)


class _Walk:
    """Through one expression in Python's own grammar, most of which is refused."""

    def __init__(self, text: str) -> None:
        self._text = text

    def result(self) -> Decimal:
        return self._value(ast.parse(self._text, mode="eval").body)

    def _value(self, node: ast.expr) -> Decimal:
        match node:
            case ast.Constant(value=int() | float()):
                return self._number(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._value(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._value(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return OPERATORS[type(op)](self._value(left), self._value(right))
            case ast.BinOp(op=ast.Mod()):
                raise ToolError("Write % right after a number. For the remainder of a division use mod(a, b).")
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
            case ast.Tuple():
                raise ToolError("Leave out thousands separators, and write a point for decimals.")
        raise ToolError(f"The calculator does not know {ast.get_source_segment(self._text, node)!r}.")

    def _number(self, node: ast.Constant) -> Decimal:
        """Read a number as it is written: Python has read it as a float."""
        return +Decimal(ast.get_source_segment(self._text, node) or "")

    def _call(self, name: str, arguments: list[ast.expr]) -> Decimal:
        function = FUNCTIONS.get(name)
        if function is None:
            raise ToolError(f"There is no function {name}. There are: {', '.join(FUNCTIONS)}.")
        if not function.least <= len(arguments) <= function.most:
            raise ToolError(f"{name} cannot take {len(arguments)} numbers.")
        return function.apply(*(self._value(each) for each in arguments))
