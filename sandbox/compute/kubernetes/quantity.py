"""Amounts of a resource, as Kubernetes writes them."""

from __future__ import annotations

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]+))?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def quantity(text: object) -> Decimal:
    """`500m` is half of one, `1Gi` 1,073,741,824. ValueError for what is none.

    Source: Kubernetes API reference, Quantity.
    """
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{str(text)!r} is no quantity, such as 500m, 2 or 4Gi")
    number, suffix, exponent = match.groups()
    if suffix in _BINARY:
        return Decimal(number) * 1024 ** _BINARY[suffix]
    return Decimal(number).scaleb(_DECIMAL[suffix] if suffix else int(exponent or 0))


def mebibytes(text: object) -> int:
    """Of memory. ValueError"""
    return int(quantity(text) // 1024**2)
