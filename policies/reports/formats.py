"""The formats by their names, and where a report goes."""

from __future__ import annotations

import argparse
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
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the report goes; default: the terminal")


def deliver(report: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(report)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(report, encoding="utf-8")
    except OSError as error:
        print(f"{out}: the report cannot be written: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
