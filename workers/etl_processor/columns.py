"""Names and types of columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from workers.runtime import BadInput


@dataclass(frozen=True)
class Type:
    """
    sql: DuckDB's. pattern: what a cell must look like besides, since casts are lenient: 1.6 becomes the integer 2.
    wanted: what a cell should have been, in words.
    """

    sql: str
    pattern: str
    wanted: str


TYPES = {
    "text": Type("VARCHAR", "(?s).*", "text"),
    "integer": Type("BIGINT", r"[+-]?\d{1,19}", "a whole number of 64 bits"),
    "decimal": Type("DECIMAL(38, 10)", r"[+-]?\d{1,28}(\.\d{1,10})?", "a number of at most 28 digits and 10 decimals"),
    "float": Type(
        "DOUBLE",
        r"[+-]?\d{1,200}(\.\d+)?([eE](\+?\d{1,2}|-\d{1,3}))?",  # never infinite
        "a number, with an exponent of at most 99",
    ),
    "boolean": Type("BOOLEAN", "(?i)true|false|0|1", "true, false, 1 or 0"),
    "date": Type("DATE", r"\d{4}-\d\d-\d\d", "a date such as 2026-01-31"),
    "timestamp": Type(
        "TIMESTAMP WITH TIME ZONE",
        r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?",
        "a time in ISO 8601 such as 2026-01-31T12:00:00+01:00",
    ),
}


@cache
def normalised(name: str) -> str:
    """`Order ID`, `orderId` and `order-id` are `order_id`; letters lose their accents."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    plain = unicodedata.normalize("NFKD", words.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def places(names: Sequence[str], wanted: Sequence[str], where: str) -> list[int]:
    """At which place each of the wanted columns stands. names: as the source has them. BadInput if one does not."""
    found = [normalised(name) for name in names]
    if missing := [column for column in wanted if column not in found]:
        columns = "column" if len(missing) == 1 else "columns"
        raise BadInput(f"{where} has no {columns} {', '.join(missing)}; it has {', '.join(names)[:200]}")
    if twice := [column for column in wanted if found.count(column) > 1]:
        named = [name for name in names if normalised(name) == twice[0]]
        raise BadInput(f"{where} has {len(named)} columns {twice[0]}: {', '.join(map(repr, named))}")
    return [found.index(column) for column in wanted]
