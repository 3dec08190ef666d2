"""`python -m sandbox workflow`: an execution of a workflow of a stack that is up, with its progress."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from components.problems import ConfigurationError
from components.workflow_file import FILE, FOLDER, read_workflow
from sandbox.check import console
from sandbox.control import ask
from sandbox.program import ProgramError
from sandbox.workflow_execution import Execution
from sandbox.workflow_progress import Progress
from workflows import Workflow

POLL_SECONDS = 0.3
SAMPLE = "sample.py"


def workflow(project: Path, stack: str, name: str, given: str | None, out: Path | None) -> int:
    """Begin it, follow it to its end; 0 if it succeeded. Ctrl-C stops it.

    given: input as JSON; None for the workflow's example, with the data that belongs to it.
    out: folder to which what the stages have written is copied.
    Raises ProgramError if there is no such workflow or stack, or the input is no JSON.
    """
    try:
        execution = Execution(ask(project, stack, "environment"), stack, name)
        content, problems = read_workflow(project / FOLDER / name / FILE, f"{FOLDER}/{name}/{FILE}", name, None)
        if content is None or problems:
            raise ConfigurationError(problems)
        return 0 if follow(project, execution, content, given, out) else 1
    except (BotoCoreError, ClientError) as error:
        raise ProgramError(f"The sandbox of stack {stack} does not answer, or refuses: {error}") from error


def follow(
    project: Path, execution: Execution, content: Workflow, given: str | None = None, out: Path | None = None
) -> bool:
    """The same of an execution that has not begun; whether it has succeeded."""
    input = _input(given) if given else _sample(project, content, execution)
    progress = Progress(content, execution)
    try:
        execution.begin(input)
        console.print(f"Execution {execution.name}", markup=False)
        while not progress.look():
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        execution.stop()
        console.print("Stopped.")
        raise
    if out:
        for path in execution.copy(progress.written, out):
            console.print(f"  {path}", markup=False)
    return progress.succeeded


def _input(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ProgramError(f"The input is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ProgramError('The input is no JSON object, as {"prefix": "…"} is.')
    return found


def _sample(project: Path, content: Workflow, execution: Execution) -> dict[str, Any]:
    """The workflow's own example; its data is put into the uploads bucket."""
    if not content.input.get("examples"):
        raise ProgramError(f"The workflow {content.name} has no example of an input; say --input.")
    if (project / FOLDER / content.name / SAMPLE).is_file():
        with tempfile.TemporaryDirectory() as folder:
            module = f"{FOLDER}.{content.name}.{SAMPLE.removesuffix('.py')}"
            if subprocess.run([sys.executable, "-m", module, folder], cwd=project).returncode:
                raise ProgramError(f"{module} has written no data.")
            for key in execution.upload(Path(folder)):
                console.print(f"Uploaded {key}", markup=False)
    example = content.input["examples"][0]
    console.print(f"Input {json.dumps(example, ensure_ascii=False)}", markup=False)
    return example
