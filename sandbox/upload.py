"""`python -m sandbox upload`: files for a queue worker of a stack that is up, and what became of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from sandbox.check import console
from sandbox.control import ask
from sandbox.program import ProgramError

POLL_SECONDS = 0.3


def upload(project: Path, stack: str, worker: str, files: Sequence[Path], patience_seconds: float) -> int:
    """0 if the worker could process every file. Raises ProgramError if there is no such file, worker or stack."""
    for file in files:
        if not file.is_file():
            raise ProgramError(f"There is no file {file}.")
    before = ask(project, stack, "letters", worker=worker)
    since = int(time.time())  # S3 tells times in whole seconds
    keys = [ask(project, stack, "upload", worker=worker, file=str(file.resolve())) for file in files]
    console.print(f"Uploaded {', '.join(keys)}", markup=False)
    deadline = time.monotonic() + patience_seconds
    while ask(project, stack, "waiting", worker=worker):
        if time.monotonic() > deadline:
            console.print(f"Not done after {patience_seconds:g} seconds: python -m sandbox status --stack {stack}")
            return 1
        time.sleep(POLL_SECONDS)
    written = ask(project, stack, "written", worker=worker, since=since)
    for place in written["places"]:
        console.print(f"Written {place}", markup=False)
    for result in written["results"]:
        console.print_json(result)
    letters = ask(project, stack, "letters", worker=worker)
    refused = [letter for id_, letter in letters.items() if id_ not in before and letter[0] in keys]
    for key, reason in refused:
        console.print(f"In the dead-letter queue: {key}: {reason or 'no reason given'}", markup=False)
    return 1 if refused else 0
