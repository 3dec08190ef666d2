"""YAML files with the line of every value.

Scalars are read as the Pulumi engine reads a stack file: `on`, `yes` and `1:30` are text, 2.0 is 2. What YAML readers
disagree about (`010`, `1_000`, a date), and what hides a mistake (a key twice, an alias), is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from components.problems import KeyPath, Problem, Source

_PLAIN = "plain"  # tag of a scalar that is neither quoted nor tagged
_STRING = "tag:yaml.org,2002:str"
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]{1,3})?")
_EXACT = 2**53  # up to here every whole number is a float
_NUMBER_OR_TEXT = re.compile(r"[-+]?(0[0-9_]+(\.[0-9]*)?|0[xob][0-9a-fA-F_]+|[0-9][0-9_]*_[0-9_]*)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")


@dataclass(frozen=True)
class Document:
    """A file's content.

    file: its name for people.
    data: maps, lists, text, numbers, booleans and None; None also when the file could not be read.
    lines: the line of each value, counted from 1, by its path; the file's top is ().
    """

    file: str
    data: Any
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    @property
    def source(self) -> Source:
        return Source(self.file, self.lines)


def read_yaml(path: Path, file: str) -> tuple[Document, list[Problem]]:
    """The one YAML document in the file at `path`, called `file` in messages, and what is wrong with its YAML.

    With problems the data is what could be read: None when the text is no YAML at all.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        return _unreadable(file, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        return _unreadable(file, "is not UTF-8 text", error.object.count(b"\n", 0, error.start) + 1)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return _unreadable(file, f"has a character that YAML does not allow (U+{error.character:04X})", line)
    except yaml.MarkedYAMLError as error:
        return _unreadable(file, *_broken(error))
    except RecursionError:
        return _unreadable(file, "is nested too deeply")
    if node is None:
        return _unreadable(file, "is empty")
    reader = _Reader(file)
    return Document(file, reader.value(node, ()), reader.lines), reader.problems


def _unreadable(file: str, wrong: str, line: int | None = None) -> tuple[Document, list[Problem]]:
    return Document(file, None), [Problem(file=file, line=line, wrong=wrong)]


def _broken(error: yaml.MarkedYAMLError) -> tuple[str, int | None]:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    problem = error.problem or "not understood"
    if "'\\t'" in problem:
        return "has a tab where YAML wants spaces", line
    if error.context and "alias" in error.context:
        return "has a value that begins with *, which YAML takes for something else: write it in quotes", line
    context = f" ({error.context}, line {error.context_mark.line + 1})" if error.context and error.context_mark else ""
    return f"is not valid YAML: {problem}{context}", line


class _Loader(yaml.BaseLoader):
    """Leaves plain scalars apart from quoted ones, and refuses aliases."""

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: Any) -> str:
        if kind is yaml.ScalarNode and implicit[0]:
            return _PLAIN
        return super().resolve(kind, value, implicit)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases are not read here, write the value out", problem_mark=mark)
        return super().compose_node(parent, index)


class _Reader:
    """Nodes to values; collects lines and problems on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.lines.setdefault(path, _line(node))
        if isinstance(node, yaml.MappingNode):
            return self._map(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, n)) for n, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _map(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in found:
                self._refuse(here, _line(key_node), f"is given twice, first in line {self.lines[here]}")
                continue
            self.lines[here] = _line(key_node)
            found[key] = self.value(value_node, here)
        return found

    def _key(self, node: yaml.Node, path: KeyPath) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._refuse(path, _line(node), "has a key that is not text")
        elif node.value == "<<" and node.tag == _PLAIN:
            self._refuse(path, _line(node), "has a merge key; write the values out")
        elif node.tag == _PLAIN and not isinstance(_plain(node.value), str):
            self._refuse(path, _line(node), f"has the key {node.value or '(nothing)'}, which is not text; quote it")
        else:
            return node.value
        return None

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        if node.tag == _STRING:
            return node.value
        if node.tag != _PLAIN:
            self._refuse(path, _line(node), f"has the tag {node.tag}; write a plain value")
            return node.value
        if _DATE.fullmatch(node.value):
            self._refuse(path, _line(node), f"{node.value} is a date to some readers", "write text in quotes")
        if _NUMBER_OR_TEXT.fullmatch(node.value):
            wrong = f"{node.value} is not the same number to all readers"
            self._refuse(path, _line(node), wrong, "write plain decimal digits, or text in quotes")
            # Most likely meant in decimal; one complaint about it is enough.
            return _plain(node.value.replace("_", "").lstrip("0") or "0")
        return _plain(node.value)

    def _refuse(self, path: KeyPath, line: int, wrong: str, right: str = "") -> None:
        key = Source(self.file).inside(*path).key
        self.problems.append(Problem(file=self.file, line=line, key=key, wrong=wrong, right=right))


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _plain(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            return text
        return int(number) if number.is_integer() and abs(number) < _EXACT else number
    return text
