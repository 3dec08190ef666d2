"""`python -m policies.report --stack S`: what the rules say of a stack of this project, in a format of your choice.

Without the Pulumi command line the sandbox runs the program; with it, its events are read, `--events FILE`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from policies import events, settings
from policies.reports.entries import Entry, entries, refused
from policies.reports.formats import add_arguments, deliver


def main(arguments: list[str] | None = None) -> int:
    """0 if nothing refuses the stack, 1 if something does, 2 if there is nothing to report."""
    parser = argparse.ArgumentParser(prog="python -m policies.report", description=__doc__)
    parser.add_argument("--stack", required=True, help="its name")
    parser.add_argument("--events", metavar="FILE", help="engine events of `pulumi … --json`; - is standard input")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    project = Path.cwd()
    try:
        said = [*(_of_events(given.events) if given.events is not None else _of_sandbox(project, given.stack))]
    except (Unusable, settings.ConfigError) as error:
        print(error, file=sys.stderr)
        return 2
    told = entries(project, said)
    deliver(given.format, given.stack, told, given.out)
    return 1 if refused(told) else 0


class Unusable(Exception):
    """There is nothing to report; the text says why."""


def _of_events(file: str) -> Iterator[Entry]:
    try:
        lines: Iterable[str] = sys.stdin if file == "-" else Path(file).read_text(encoding="utf-8-sig").splitlines()
        yield from events.said(lines)
    except OSError as error:
        raise Unusable(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unusable(f"{file}: is no text in UTF-8") from None
    except events.Unreadable as error:
        raise Unusable(f"{file}: {error}") from None


def _of_sandbox(project: Path, stack: str) -> Iterator[Entry]:
    # The one door to the rest of the project: whoever takes the policies alone has no sandbox, and needs none.
    from components.problems import ConfigurationError
    from sandbox.check import judge
    from sandbox.program import ProgramError

    try:
        for phase, found in judge(project, stack).violations.items():
            for one in found:
                yield Entry(one.policy, one.level, one.urn, one.message, (phase,))
    except (ConfigurationError, ProgramError) as error:
        raise Unusable(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
