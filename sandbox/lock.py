"""Keeps two sandboxes out of one folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TextIO

from sandbox.program import ProgramError


def lock(folder: Path) -> TextIO:
    """The folder is the caller's until the file is closed, at the latest with the end of the process.

    Raises ProgramError if another has it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    file = folder.with_name(f"{folder.name}.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read()
        file.close()
        raise ProgramError(f"The sandbox of stack {folder.name} is up already, in process {holder}.") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
