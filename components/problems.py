"""What is wrong in the configuration, in a form that a person can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of a file to a value."""

LONGEST_VALUE, LONGEST_CHOICE = 60, 12  # characters of a value, words of a choice, in one message
_NOTHING = object()


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing to correct.

    file: as a person would name it, from the project's folder.
    line: counted from 1; None when the value is in no file or the line is not known.
    key: where in the file, `serverless-batch:network.mode`; empty for the file as a whole.
    value: what is written there, fit to print; empty when nothing is written or it is a secret.
    wrong: what is wrong, so that "value wrong" reads as a sentence.
    right: what would be right; may be empty.
    """

    file: str
    wrong: str
    line: int | None = None
    key: str = ""
    value: str = ""
    right: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:" if self.line else f"{self.file}:"
        key = f" {self.key}:" if self.key else ""
        value = f" {self.value}" if self.value else ""
        right = f"; {self.right}" if self.right else ""
        return f"{place}{key}{value} {self.wrong}{right}"


def _place(problem: Problem) -> tuple[str, int, str, str]:
    return problem.file, problem.line or 0, problem.key, problem.wrong


class ConfigurationError(Exception):
    """The configuration cannot be used; `problems` holds everything that is wrong with it, in the files' order."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(sorted(set(problems), key=_place))
        count = len(self.problems)
        heading = f"The configuration has {count} problem{'s' if count != 1 else ''}:"
        super().__init__("\n".join([heading, *(f"  {problem}" for problem in self.problems)]))


@dataclass(frozen=True)
class Source:
    """Where a value was read from, so that whoever judges it can say where it stands.

    file: the file's name for people.
    lines: line of each value in the file, by its path from the file's top.
    at: path of the value in the file.
    key: the value's own name in messages; paths inside it are added to it.
    """

    file: str
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    at: KeyPath = ()
    key: str = ""

    def inside(self, *path: str | int) -> Source:
        """The source of a value inside this one."""
        return Source(self.file, self.lines, (*self.at, *path), self._key(path))

    def problem(self, wrong: str, path: KeyPath = (), *, value: object = _NOTHING, right: str = "") -> Problem:
        """A problem with this value, or with the one at `path` inside it."""
        printed = "" if value is _NOTHING else shown(value)
        return Problem(
            file=self.file, line=self.line(path), key=self._key(path), value=printed, wrong=wrong, right=right
        )

    def line(self, path: KeyPath = ()) -> int | None:
        """Line of the value at `path` inside this one or, if nothing is written there, of what would hold it."""
        full = (*self.at, *path)
        return next((self.lines[full[:n]] for n in range(len(full), -1, -1) if full[:n] in self.lines), None)

    def _key(self, path: KeyPath) -> str:
        return self.key + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(
            "" if self.key else "."
        )


def shown(value: object) -> str:
    """A value as it may stand in a message: short, on one line, text in quotes."""
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def closest(value: object, allowed: Iterable[str]) -> str | None:
    """The allowed word that `value` most likely was meant to be, if any is near."""
    by_lower = {word.lower(): word for word in allowed}
    near = difflib.get_close_matches(str(value).lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[near[0]] if near else None


def suggestion(value: object, allowed: Iterable[str]) -> str:
    """`nearest: 'private-nat' (public, private-nat)`, or all that is allowed when nothing is near."""
    words = list(allowed)
    near = closest(value, words)
    choice = ", ".join(words) or "none"
    if not near:
        return f"allowed: {choice}"
    return f"nearest: '{near}' ({choice})" if len(words) <= LONGEST_CHOICE else f"nearest: '{near}'"
