"""data_processor: from any byte on, the next record is found."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator

import pytest

from workers.data_processor import boundaries
from workers.data_processor.boundaries import record_start

CELLS = ["", "x", 'says "no"', "a, b", "two\nlines", '"', '","', "\n", '"\n"', '",\n,"', "\r\n", '""']


def written(rows: list[list[str]], quoting: int, newline: str) -> tuple[bytes, list[int]]:
    """The text, and where its records begin, with its end."""
    text, starts = io.StringIO(newline=""), []
    writer = csv.writer(text, quoting=quoting, lineterminator=newline)
    for row in rows:
        starts.append(text.tell())
        writer.writerow(row)
    return text.getvalue().encode(), [*starts, text.tell()]


class Source:
    def __init__(self, text: bytes):
        self.text = text
        self.counted = 0

    def start(self, offset: int, quoting: bytes = b",") -> int:
        def read(start: int, end: int) -> bytes:
            return self.text[start:end]

        return record_start(read, self._blocks, offset, len(self.text), quoting)

    def _blocks(self, end: int) -> Iterator[bytes]:
        self.counted += 1
        yield self.text[:end]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("windows", [(8, 32), boundaries.WINDOWS])
def test_from_any_byte_on_the_next_record_is_found(
    monkeypatch: pytest.MonkeyPatch, quoting: int, newline: str, windows: tuple[int, int]
):
    monkeypatch.setattr(boundaries, "WINDOWS", windows)
    chance = random.Random(7)
    text, starts = written([[chance.choice(CELLS) for _ in range(3)] for _ in range(60)], quoting, newline)
    source = Source(text)
    for offset in range(len(text) + 1):
        assert source.start(offset) == min(start for start in starts if start >= offset)


def test_marks_are_counted_from_the_beginning_only_where_the_next_bytes_do_not_tell():
    clear, _ = written([["a", 'b "c"\n', "d"]] * 50, csv.QUOTE_MINIMAL, "\n")
    source = Source(clear)
    source.start(500)
    assert source.counted == 0
    unclear = Source(b'"",""\n' * 50)
    assert unclear.start(100) == 102
    assert unclear.counted == 0 or unclear.counted == 1


def test_without_quotation_a_mark_is_a_character():
    assert Source(b'5" pipe\n6" pipe\n').start(1, quoting=b"") == 8
