"""`python -m sandbox run`: a scheduled worker of a stack that is up, as if it were due; or one in Kubernetes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs import TERMINAL, Status
from jobs.cost import SPOT_DISCOUNT
from sandbox import kubernetes_run
from sandbox.check import console
from sandbox.control import SPOT, ask
from sandbox.program import ProgramError

POLL_SECONDS = 0.3


def run(
    project: Path,
    stack: str,
    worker: str,
    at: str | None,
    patience_seconds: float,
    *,
    uploads: Path | None = None,
    out: Path | None = None,
) -> int:
    """Start it, follow the job to its end; 0 if it succeeded.

    Raises ProgramError if there is no such worker, stack or folder.
    at: ISO time for which it is started; None is now.
    uploads: folder whose files are uploaded before, each with its path in the folder as key.
    out: folder to which what the job has written is copied.
    """
    if uploads:
        files, bucket = _files(uploads), ask(project, stack, "uploads", worker=worker)
        for file, key in files:
            ask(project, stack, "put", file=str(file), place=f"s3://{bucket}/{key}")
    if ask(project, stack, "trigger", worker=worker) == "kubernetes":
        return kubernetes_run.run(project, stack, worker, at, patience_seconds, out)
    job_id = ask(project, stack, "run", worker=worker, at=at)
    console.print(f"Job {job_id}", markup=False)
    deadline, shown = time.monotonic() + patience_seconds, None
    while True:
        job = ask(project, stack, "job", worker=worker, job_id=job_id)
        if job["status"] != shown:
            shown = job["status"]
            console.print(f"  {shown}")
        if shown in TERMINAL:
            break
        if time.monotonic() > deadline:
            console.print(f"Not done after {patience_seconds:g} seconds: python -m sandbox status --stack {stack}")
            return 1
        time.sleep(POLL_SECONDS)
    _tell(job)
    for place in job["objects"] if out else ():
        file = out / place.split(f"/{job_id}/", 1)[1]
        file.parent.mkdir(parents=True, exist_ok=True)
        ask(project, stack, "fetch", place=place, file=str(file.resolve()))
        console.print(f"Copied {file}", markup=False)
    return 0 if shown == Status.SUCCEEDED else 1


def _files(folder: Path) -> list[tuple[Path, str]]:
    """Each file below the folder with its path in it."""
    if not folder.is_dir():
        raise ProgramError(f"There is no folder {folder}.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.resolve(), path.relative_to(folder).as_posix()) for path in files]


def _tell(job: Mapping[str, Any]) -> None:
    if job["reason"]:
        console.print(f"Reason: {job['reason']}", markup=False)
    for place in job["objects"]:
        console.print(f"Written {place}", markup=False)
    if job["result"] is not None:
        console.print_json(job["result"])
    if job["cost_usd"] is not None:
        console.print(cost_text(job["cost_usd"], job["capacity"] == SPOT, job["seconds"]), markup=False)


def cost_text(usd: float, spot: bool, seconds: float | None) -> str:
    """What the last attempt would cost on AWS, on the capacity that it had and on the other. seconds: it took."""
    share = 1 - SPOT_DISCOUNT
    on_spot, on_demand = (usd, usd / share) if spot else (usd * share, usd)
    took = "" if seconds is None else f"{seconds:.1f} s, "
    had = "on Spot" if spot else "on demand"
    return (
        f"On AWS: {took}${on_demand:.6f} on demand, ${on_spot:.6f} on Spot; this one was {had} "
        "(us-east-1 list price, one-minute minimum)."
    )
