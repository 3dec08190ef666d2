"""A job's input → what is read, which rows count, and what is made of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal

from workers.runtime import BadInput

Format = Literal["csv", "jsonl", "parquet"]
OWN = "data_processor/"  # what the worker writes lies below it in the results bucket
NUMBER = r"[+-]?[0-9]{1,28}(\.[0-9]{1,10})?"  # exact as DECIMAL(38, 10)
MAX_KEPT = 2000  # bytes of a row's texts in the result: with more, a batch of DuckDB's 2,048 rows could not be held
ORDERED = {"eq": "=", "ne": "IS DISTINCT FROM", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


@dataclass(frozen=True)
class Condition:
    """op: of ORDERED, or in, contains, starts_with, is_empty. value: number or text, or a list of either for in.

    A number compares numbers, a text compares texts by their characters. An empty cell fulfils only is_empty and ne.
    """

    column: str
    op: str
    value: Any = None

    @property
    def values(self) -> list[Any]:
        """Numbers in the end are text, as exact as they were written."""
        if self.op == "is_empty":
            return []
        given = self.value if isinstance(self.value, list) else [self.value]
        return [str(one) if is_number(one) else one for one in given]

    @property
    def numeric(self) -> bool:
        given = self.value if isinstance(self.value, list) else [self.value]
        return self.op != "is_empty" and all(map(is_number, given))


@dataclass(frozen=True)
class Measure:
    """op: count, sum, min, max or average; count without a column counts rows, with one its cells that are not empty.

    text: min and max compare texts, such as dates in ISO 8601, not numbers.
    """

    op: str
    column: str | None
    name: str
    text: bool = False

    @property
    def numeric(self) -> bool:
        return self.op != "count" and not self.text


@dataclass(frozen=True, kw_only=True)
class Request:
    """key, prefix: of the uploads bucket; one of them is given. format: None is by the name of each object.

    quoted: whether quotation marks around a CSV cell are not part of it. split: whether an object may be divided.
    skip: whether bad rows are left out and counted, rather than fail the job.
    """

    key: str | None
    prefix: str | None
    format: Format | None
    delimiter: str | None
    quoted: bool
    split: bool
    skip: bool
    conditions: tuple[Condition, ...]
    group_by: tuple[str, ...]
    measures: tuple[Measure, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns that are read, each once."""
        used = [*self.group_by, *(m.column for m in self.measures if m.column), *(c.column for c in self.conditions)]
        return tuple(dict.fromkeys(used))

    @property
    def numeric(self) -> frozenset[str]:
        """The columns whose cells must be numbers, or empty."""
        measured = {m.column for m in self.measures if m.numeric and m.column}
        return frozenset(measured | {c.column for c in self.conditions if c.numeric})

    @property
    def kept(self) -> tuple[str, ...]:
        """The columns whose texts are in the result, each once."""
        return tuple(dict.fromkeys([*self.group_by, *(m.column for m in self.measures if m.text and m.column)]))

    def as_dict(self) -> dict[str, Any]:
        """JSON, for the partial results."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Request:
        lists = {
            "conditions": tuple(Condition(**one) for one in fields["conditions"]),
            "group_by": tuple(fields["group_by"]),
            "measures": tuple(Measure(**one) for one in fields["measures"]),
        }
        return cls(**{**fields, **lists})


def read_request(input: Mapping[str, Any]) -> Request:
    """See worker.yaml for `input`. BadInput for what its schema cannot tell."""
    if ("key" in input) == ("prefix" in input):
        raise BadInput("input must have either key, an object of the uploads bucket, or prefix, for all below it")
    if not input.get("measures"):
        raise BadInput('input.measures is missing: say what to compute, such as [{"op": "count"}]')
    request = Request(
        key=input.get("key"),
        prefix=input.get("prefix"),
        format=input.get("format"),
        delimiter=input.get("delimiter"),
        quoted=input.get("quoted", True),
        split=input.get("split", True),
        skip=input.get("on_bad_rows", "fail") == "skip",
        conditions=tuple(_condition(number, one) for number, one in enumerate(input.get("filter", []))),
        group_by=tuple(input.get("group_by", [])),
        measures=tuple(_measure(number, one) for number, one in enumerate(input["measures"])),
    )
    names = [*request.group_by, *(measure.name for measure in request.measures)]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise BadInput(f"the result would have two columns {twice[0]!r}: give the measure another name with `as`")
    return request


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _condition(number: int, given: Mapping[str, Any]) -> Condition:
    where, op, value = f"input.filter[{number}]", given["op"], given.get("value")
    if op == "is_empty":
        if "value" in given:
            raise BadInput(f"{where} must not have a value: is_empty has none")
        return Condition(given["column"], op)
    if "value" not in given:
        raise BadInput(f"{where} has no value")
    listed = isinstance(value, list)
    if listed != (op == "in"):
        raise BadInput(f"{where}.value must be {'a list' if op == 'in' else 'a text or number, no list'} for {op}")
    if listed and len({is_number(one) for one in value}) != 1:
        raise BadInput(f"{where}.value must be a list of texts or a list of numbers, and not empty")
    condition = Condition(given["column"], op, value)
    if op in ("contains", "starts_with") and not isinstance(value, str):
        raise BadInput(f"{where}.value must be a text for {op}")
    if condition.numeric and (bad := [one for one in condition.values if not re.fullmatch(NUMBER, one)]):
        raise BadInput(f"{where}.value {bad[0]} has more than 28 digits before the point or 10 after it")
    return condition


def _measure(number: int, given: Mapping[str, Any]) -> Measure:
    op, column, text = given["op"], given.get("column"), given.get("type", "number") == "text"
    if column is None and op != "count":
        raise BadInput(f"input.measures[{number}] has no column, which {op} needs")
    if text and op not in ("min", "max"):
        raise BadInput(f"input.measures[{number}]: only min and max take texts, not {op}")
    return Measure(op, column, given.get("as") or (f"{op}_{column}" if column else op), text)
