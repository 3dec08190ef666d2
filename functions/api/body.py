"""Reads a request's body: JSON that every JSON tool would read the same way, or a `Problem`."""

from __future__ import annotations

import base64
import json
import math
from typing import Any, NoReturn

from problems import malformed

MAX_DEPTH = 64
MAX_DIGITS = 300  # more do not fit a double, which is what most JSON tools make of a number


class _UnusableError(ValueError):
    pass


def read_object(text: str | None, *, is_base64: bool) -> dict[str, Any]:
    """The JSON object in a body. Refused as malformed: repeated names, NaN, numbers beyond a double, too deep."""
    if not text:
        raise malformed("The request has no body.")
    try:
        decoded = base64.b64decode(text, validate=True).decode() if is_base64 else text
        value = json.loads(
            decoded,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_real,
        )
        # A lone surrogate is valid in JSON but in no text, and would break whoever writes it to a file.
        json.dumps(value, ensure_ascii=False).encode()
    except _UnusableError as error:
        raise malformed(f"The body is not usable JSON: {error}.") from None
    except json.JSONDecodeError as error:
        detail = f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        raise malformed(detail) from None
    except ValueError:
        raise malformed("The body is not Unicode text.") from None
    except RecursionError:
        raise _too_deep() from None
    if _is_deeper(value, MAX_DEPTH):
        raise _too_deep()
    if not isinstance(value, dict):
        raise malformed("The body is not a JSON object.")
    return value


def _too_deep() -> Exception:
    return malformed(f"The body is nested more than {MAX_DEPTH} levels deep.")


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        repeated = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise _UnusableError(f"the name {json.dumps(repeated[:64])} occurs twice in one object")
    return result


def _constant(name: str) -> NoReturn:
    raise _UnusableError(f"{name} is not a JSON number")


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _UnusableError("a number is too large")
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _UnusableError("a number is too large")
    return number
