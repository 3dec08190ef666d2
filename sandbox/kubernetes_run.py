"""`python -m sandbox run`, of a worker in Kubernetes: a Job of it, index by index."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sandbox.check import console
from sandbox.control import ask
from sandbox.kubernetes_workers import ERROR, RESULT

POLL_SECONDS = 0.3

Part = Mapping[str, Any]


def run(project: Path, stack: str, worker: str, at: str | None, patience_seconds: float, out: Path | None) -> int:
    """Start a Job of it, tell what becomes of each index; 0 if it succeeded.

    Raises ProgramError if there is no such worker or stack. at, out: as for a scheduled worker.
    """
    job = ask(project, stack, "run", worker=worker, at=at)
    console.print(f"Job {job}", markup=False)
    deadline, known = time.monotonic() + patience_seconds, dict[int | None, Part]()
    while True:
        outcome = ask(project, stack, "job", worker=worker, job_id=job)
        for part in outcome["parts"]:
            _tell(part, known.get(part["index"]))
            known[part["index"]] = part
        if outcome["end"]:
            break
        if time.monotonic() > deadline:
            console.print(f"Not done after {patience_seconds:g} seconds: python -m sandbox status --stack {stack}")
            return 1
        time.sleep(POLL_SECONDS)
    written = ask(project, stack, "results", worker=worker, job_id=job)
    console.print(f"{outcome['end'].upper()} {outcome['why']}", markup=False)
    _report(outcome["parts"], written)
    for place in written["objects"] if out else ():
        file = out / place.removeprefix(written["place"])
        file.parent.mkdir(parents=True, exist_ok=True)
        ask(project, stack, "fetch", place=place, file=str(file.resolve()))
    if out:
        console.print(f"Copied {len(written['objects'])} files to {out}", markup=False)
    return 0 if outcome["end"] == "Complete" else 1


def _tell(part: Part, before: Part | None) -> None:
    """What is new of a part."""
    news = []
    if part["failures"] > (before["failures"] if before else 0):
        news.append(f"failed, {_ending(part)}")
    if part["disruptions"] > (before["disruptions"] if before else 0):
        news.append("lost its node, which is no failure")
    state = part["state"].lower()
    if state != (before["state"].lower() if before else "pending"):
        if state == "succeeded":
            news.append(state)
        elif state == "running" and (part["index"] is None or part["failures"] or part["disruptions"]):
            news.append("running again" if part["failures"] or part["disruptions"] else state)
    for text in news:
        console.print(f"  {_name(part)}{text}", markup=False)


def _report(parts: Iterable[Part], written: Mapping[str, Any]) -> None:
    """Which parts succeeded, which did not and why; of a single part its result."""
    parts, told = list(parts), written["told"]
    failed = [part for part in parts if part["state"] != "Succeeded"]
    if parts[0]["index"] is not None:
        console.print(f"{len(parts) - len(failed)} of {len(parts)} indexes succeeded.")
    elif result := told.get("", {}).get(RESULT):
        console.print_json(json.dumps(result))
    for part in failed:
        error = told.get("" if part["index"] is None else str(part["index"]), {}).get(ERROR, {})
        console.print(f"  {_name(part)}{error.get('reason') or _ending(part)}", markup=False)
    if written["objects"]:
        console.print(f"Written below {written['place']}", markup=False)


def _name(part: Part) -> str:
    if part["index"] is None:
        return ""
    return f"index {part['index']}{' (' + part['source'] + ')' if part['source'] else ''}: "


def _ending(part: Part) -> str:
    if not part["failures"]:
        return "has not run to its end"
    return part["why"] if part["exit_code"] is None else f"{part['why']} (exit code {part['exit_code']})"
