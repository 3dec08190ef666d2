"""`python -m sandbox job`: the commands of `batchctl job`, for a stack that is up here."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from sandbox.control import ask


def job(project: Path, arguments: Sequence[str]) -> int:
    """batchctl's exit code. arguments: as batchctl takes them. Raises ProgramError if the stack is not up."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--stack", default="dev")
    stack = parser.parse_known_args(arguments)[0].stack
    if not {"-h", "--help"} & set(arguments):
        os.environ.update(ask(project, stack, "environment"))
    # Whatever way out this machine has, the stack is on it.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    from batchctl.__main__ import main

    return main(["job", *arguments], "python -m sandbox")
