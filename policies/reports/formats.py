"""The formats by their names, and where a report goes."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from policies.reports import data, github, junit, sarif, text
from policies.reports.entries import Entry

FORMATS: dict[str, Callable[[str, Sequence[Entry]], str]] = {
    "text": text.render,
    "json": data.render,
    "sarif": sarif.render,
    "junit": junit.render,
    "github": github.render,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the report goes; - or nothing: standard output")


def deliver(format: str, stack: str, entries: Sequence[Entry], out: Path | None) -> None:
    """Ends the process with 2 where it cannot."""
    report = FORMATS[format](stack, entries)
    try:
        if out is None or str(out) == "-":
            _print(report)
        else:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(report, encoding="utf-8")
            print(f"{text.verdict(stack, entries)} {out}", file=sys.stderr)
    except OSError as error:
        print(f"{out or 'standard output'}: the report cannot be written: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None


def _print(report: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # of a terminal that has no such character
    try:
        print(report, end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries once more at its end
        raise
