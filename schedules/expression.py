"""The text of a schedule expression."""

from __future__ import annotations

import re

from schedules.cron import Cron, nearest
from schedules.errors import Unreadable
from schedules.rate import Rate

_CALL = re.compile(r"([A-Za-z]*)\((.*)\)")
_EXAMPLES = "such as 'cron(0 6 * * ? *)' or 'rate(12 hours)'"


def parse(text: str) -> Cron | Rate:
    """Raises Unreadable for what EventBridge Scheduler would refuse, for `at(…)`, and for what is never due."""
    call = _CALL.fullmatch(text)
    if call is None:
        if "(" not in text and len(text.split()) in (5, 6):
            raise Unreadable(f"is not inside cron(…){nearest(text.split())}")
        raise Unreadable(f"is no schedule expression, {_EXAMPLES}")
    kind, inside = call.groups()
    if kind == "rate":
        return Rate.parse(inside)
    if kind == "cron":
        return Cron.parse(inside)
    if kind == "at":
        raise Unreadable(f"is due only once; a schedule recurs, {_EXAMPLES}")
    if kind.lower() in ("rate", "cron"):
        raise Unreadable(f"is not written in lower case; nearest: '{kind.lower()}({inside})'")
    raise Unreadable(f"is no schedule expression, {_EXAMPLES}")
