"""The fields of a cron expression that are numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from schedules.errors import Unreadable

_NUMBER = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True)
class Field:
    """title: for messages. low, high: both allowed. names: of the numbers from low on. steps: whether / may stand."""

    title: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    steps: bool = True

    @property
    def all(self) -> frozenset[int]:
        return frozenset(range(self.low, self.high + 1))

    @property
    def allowed(self) -> str:
        names = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        return f"allowed: {self.low}-{self.high}{names}"

    def values(self, text: str) -> frozenset[int]:
        """What the field says: `*`, or a list of numbers, ranges and steps. Raises Unreadable."""
        if text == "*":
            return self.all
        return frozenset().union(*(self._item(item, text) for item in text.split(",")))

    def number(self, text: str) -> int:
        """One number, or the name of one. Raises Unreadable."""
        if text.upper() in self.names:
            return self.low + self.names.index(text.upper())
        if not _NUMBER.fullmatch(text) or not self.low <= int(text) <= self.high:
            raise Unreadable(f"has {text!r} for {self.title}; {self.allowed}")
        return int(text)

    def _item(self, item: str, text: str) -> frozenset[int]:
        if item == "*":
            raise Unreadable(f"has {text!r} for {self.title}, but * is all of them; nearest: '*'")
        span, slash, step = item.partition("/")
        if slash and not self.steps:
            raise Unreadable(f"has {text!r} for {self.title}, which take no /; list them")
        if span == "*":
            first, last = self.low, self.high
        else:
            left, dash, right = span.partition("-")
            first = self.number(left)
            last = self.number(right) if dash else self.high if slash else first
            if last < first:
                raise Unreadable(f"has {item!r} for {self.title}, which ends before it begins; {self._around(span)}")
        return frozenset(range(first, last + 1, self._step(step, item) if slash else 1))

    def _step(self, step: str, item: str) -> int:
        most = self.high - self.low
        if not _NUMBER.fullmatch(step) or not 1 <= int(step) <= most:
            raise Unreadable(f"has {item!r} for {self.title}; a step is a number from 1 to {most}")
        return int(step)

    def _around(self, span: str) -> str:
        """The range over the end of the field, as two."""
        left, right = span.split("-")
        low, high = (self.names[0], self.names[-1]) if self.names else (self.low, self.high)
        return f"nearest: '{left}-{high},{low}-{right}'"
