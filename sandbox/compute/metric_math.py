"""Metric math: the expressions of alarms and scaling policies, as far as CloudWatch and this project need them.

Values are series, one value an instant with None where there is no data, or numbers. What CloudWatch would refuse, a
function with the wrong kind of argument or a name that is no metric, is refused here, too.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

Number = float | None
Series = list[Number]
Value = Series | float

OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Gt: lambda a, b: float(a > b),
    ast.GtE: lambda a, b: float(a >= b),
    ast.Lt: lambda a, b: float(a < b),
    ast.LtE: lambda a, b: float(a <= b),
    ast.Eq: lambda a, b: float(a == b),
    ast.NotEq: lambda a, b: float(a != b),
    ast.And: lambda a, b: float(bool(a) and bool(b)),
    ast.Or: lambda a, b: float(bool(a) or bool(b)),
}
EACH: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": lambda a: float(math.ceil(a)),
    "FLOOR": lambda a: float(math.floor(a)),
}
OVER: dict[str, Callable[[list[float]], float]] = {
    "MAX": max,
    "MIN": min,
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
}
# CloudWatch's spelling → Python's.
SPELLING = ((r"\bAND\b|&&", " and "), (r"\bOR\b|\|\|", " or "), (r"\^", "**"))


class MathError(Exception):
    """CloudWatch would refuse the expression."""


def evaluate(expression: str, series: Mapping[str, Series]) -> Value:
    """What the expression says of the series, all of which cover the same instants; raises MathError."""
    try:
        return _Evaluator(series).value(_parsed(expression))
    except MathError as error:
        raise MathError(f"{expression}: {error}") from None


def names(expression: str) -> set[str]:
    """Whatever the expression names: metrics, other expressions, functions. Raises MathError."""
    return {node.id for node in ast.walk(_parsed(expression)) if isinstance(node, ast.Name)}


def _parsed(expression: str) -> ast.expr:
    for pattern, replacement in SPELLING:
        expression = re.sub(pattern, replacement, expression)
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except SyntaxError as error:
        raise MathError(error.msg) from error


class _Evaluator:
    def __init__(self, series: Mapping[str, Series]):
        self._series = series

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name):
                if name not in self._series:
                    raise MathError(f"there is no metric {name}")
                return self._series[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _apply(lambda number: -number, self.value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return _apply(OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
                return _apply(OPERATORS[type(op)], self.value(left), self.value(right))
            case ast.BoolOp(op=op, values=[first, *others]):
                result = self.value(first)
                for other in others:
                    result = _apply(OPERATORS[type(op)], result, self.value(other))
                return result
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name.upper(), arguments)
        raise MathError(f"{ast.unparse(node)} is no metric math that is known here")

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        match name, arguments:
            case "IF", [condition, yes] | [condition, yes, _]:
                no = self.value(arguments[2]) if len(arguments) == 3 else None
                return _choose(self.value(condition), self.value(yes), no)
            case "FILL", [filled, ast.Name(id="REPEAT")]:
                return _repeat(self._of_series(name, filled))
            case "FILL", [filled, filler]:
                return _fill(self._of_series(name, filled), self.value(filler))
            case _, [ast.List(elts=elements)] if name in OVER:
                return _across(OVER[name], [self._of_series(name, element) for element in elements])
            case _, [argument] if name in OVER:
                known = [number for number in self._of_series(name, argument) if number is not None]
                return OVER[name](known) if known else []
            case _, [argument] if name in EACH:
                return _apply(EACH[name], self.value(argument))
        raise MathError(f"there is no function {name} of {len(arguments)} such arguments")

    def _of_series(self, name: str, node: ast.expr) -> Series:
        value = self.value(node)
        if not isinstance(value, list):
            raise MathError(f"{name} takes metrics, not the number {value:g}")
        return value


def _apply(function: Callable[..., float], *values: Value) -> Value:
    """The function at each instant at which all values are there. A division by zero leaves no value."""

    def one(*numbers: Number) -> Number:
        if any(number is None for number in numbers):
            return None
        try:
            result = function(*numbers)
        except (ZeroDivisionError, OverflowError):
            return None
        return result if isinstance(result, int | float) and math.isfinite(result) else None

    length = _length(values)
    if length is None:
        number = one(*values)  # type: ignore[arg-type]  # all are numbers
        return [] if number is None else number
    return [one(*numbers) for numbers in zip(*(_series(value, length) for value in values), strict=True)]


def _choose(condition: Value, yes: Value, no: Value | None) -> Value:
    length = _length([value for value in (condition, yes, no) if value is not None])
    if length is None:
        return (yes if condition else no) if no is not None or condition else []  # type: ignore[return-value]
    other = [None] * length if no is None else _series(no, length)
    rows = zip(_series(condition, length), _series(yes, length), other, strict=True)
    return [None if met is None else (a if met else b) for met, a, b in rows]


def _fill(series: Series, filler: Value) -> Series:
    rows = zip(series, _series(filler, len(series)), strict=True)
    return [other if number is None else number for number, other in rows]


def _repeat(series: Series) -> Series:
    result: Series = []
    for number in series:
        result.append(result[-1] if number is None and result else number)
    return result


def _across(function: Callable[[list[float]], float], columns: list[Series]) -> Series:
    known = [[number for number in row if number is not None] for row in zip(*columns, strict=True)]
    return [function(row) if row else None for row in known]


def _length(values: Any) -> int | None:
    """How many instants; None if all are numbers."""
    return next((len(value) for value in values if isinstance(value, list)), None)


def _series(value: Value, length: int) -> Series:
    return value if isinstance(value, list) else [value] * length
