"""A section of the demonstration: every sample file goes through the real API to its worker."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from rich.live import Live
from rich.table import Table

from sandbox.check import console
from sandbox.client import CallFailed, Client
from sandbox.demo_scene import Outcome, Scene
from sandbox.receivers import Receivers

ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}
PATIENCE_SECONDS = 300
POLL_SECONDS = 0.5
SHOWN = 160  # characters of one field of a result
COLOURS = {"QUEUED": "yellow", "RUNNING": "cyan", "SUCCEEDED": "green", "FAILED": "red", "CANCELLED": "red"}


def jobs(scene: Scene) -> Outcome | None:
    """Run a job for each sample, and show what came of it; None if the stack has no API."""
    if not scene.deployment.has_api:
        return None
    console.rule("Jobs through the API")
    client = Client(scene.deployment.url, scene.deployment.key)
    others = {worker.name for worker in scene.settings.workers}  # samples of theirs are for the pipeline's trial run
    submitted, problems = _submit(client, scene.project / "samples", others)
    ended = _watch(client, submitted)
    console.rule("Results")
    for job_id, file in submitted.items():
        _show(client, ended[job_id], file)
    console.rule("Notifications")
    _show_notices(scene.receivers, ended)
    problems += [
        f"{submitted[key].name}: {job.get('reason', job['status'])}" for key, job in ended.items() if _bad(job)
    ]
    if not ended:
        problems.append("no sample was for a worker of this stack")
    good = sum(not _bad(job) for job in ended.values())
    cost = sum(job.get("cost_usd") or 0 for job in ended.values())
    largest = max((job.get("peak_memory_mb", 0) for job in ended.values()), default=0)
    summary = [
        f"[bold]Jobs[/]: {good} of {len(ended)} succeeded, the largest with {largest} MB.",
        f"On AWS their tasks would cost ${cost:.6f} (us-east-1 list price, one-minute minimum, Spot at 70 % off).",
    ]
    return Outcome(summary, problems)


def _bad(job: Mapping[str, Any]) -> bool:
    return job["status"] != "SUCCEEDED"


def _submit(client: Client, samples: Path, others: Collection[str]) -> tuple[dict[str, Path], list[str]]:
    """One job for each file in `samples/<worker>/`: job id → file, and what the API would not take, in words.

    others: workers that may not be the API's.
    """
    submitted: dict[str, Path] = {}
    refused: list[str] = []
    workers = {worker["name"]: worker for worker in client.call("GET", "/workers")["workers"]}
    for folder in sorted(samples.iterdir()):
        if folder.name not in workers:
            if folder.name in others:
                continue
            console.print(f"samples/{folder.name}: no worker of this stack has that name; left out", markup=False)
            continue
        for file in sorted(folder.glob("*")):
            try:
                place = client.upload(file)
                known = workers[folder.name]["input"].get("properties", {})
                given = {name: value for name, value in place.items() if name in known}
                job = client.call("POST", "/jobs", {"worker": folder.name, "input": given})
                submitted[job["job_id"]] = file
            except CallFailed as refusal:
                refused.append(f"{folder.name} · {file.name}: {refusal}")
    return submitted, refused


def _watch(client: Client, submitted: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Follow the jobs to their ends; on a terminal as a table that changes, elsewhere a line for each change."""
    jobs: dict[str, dict[str, Any]] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Live(_table(jobs, submitted), console=console, transient=False, auto_refresh=False) as live:
        while time.monotonic() < deadline:
            for job in reversed(client.call("GET", "/jobs?limit=100")["jobs"]):
                before = jobs.get(job["job_id"], {}).get("status")
                jobs[job["job_id"]] = job
                if job["status"] != before and not console.is_terminal:
                    console.print(f"  {job['worker']:22} {submitted[job['job_id']].name:28} {job['status']}")
            if console.is_terminal:
                live.update(_table(jobs, submitted), refresh=True)
            if all(job["status"] in ENDED for job in jobs.values()):
                break
            time.sleep(POLL_SECONDS)
        live.update(_table(jobs, submitted), refresh=True)
    console.print()
    return jobs


def _table(jobs: Mapping[str, Mapping[str, Any]], submitted: Mapping[str, Path]) -> Table:
    table = Table("Worker", "File", "Status", "Seconds", "Cost", box=None, pad_edge=False)
    for job_id, job in jobs.items():
        seconds, cost = job.get("duration_seconds"), job.get("cost_usd")
        table.add_row(
            job["worker"],
            submitted[job_id].name,
            f"[{COLOURS[job['status']]}]{job['status']}[/]",
            f"{seconds:.1f}" if seconds is not None else "",
            f"${cost:.6f}" if cost is not None else "",
        )
    return table


def _show(client: Client, job: Mapping[str, Any], file: Path) -> None:
    """The result's fields, each on one line; long ones in part."""
    console.print(f"[bold]{job['worker']}[/] · {file.name}")
    if _bad(job):
        console.print(f"  {job['status']}: {job.get('reason', 'no reason given')}", markup=False)
        return
    for name, value in client.result(job).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        text = " ".join(text.split())
        console.print(f"  {name}: {text if len(text) <= SHOWN else text[:SHOWN] + '…'}", markup=False)


def _show_notices(receivers: Receivers, jobs: Mapping[str, Any]) -> None:
    """Wait until each job has been told of on both channels, then show how it reads."""
    deadline = time.monotonic() + 15
    while min(len(receivers.slack), len(receivers.notion)) < len(jobs) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    console.print(f"Slack: {len(receivers.slack)} messages; Notion: {len(receivers.notion)} pages; {len(jobs)} jobs.")
    if receivers.slack:
        block = receivers.slack[0]["blocks"][0]["text"]["text"]
        buttons = [e["text"]["text"] for b in receivers.slack[0]["blocks"] for e in b.get("elements", []) if "url" in e]
        console.print(
            "  Slack, the first: " + block.replace("\n", " · ") + "".join(f" [{b}]" for b in buttons), markup=False
        )
    if receivers.notion:
        fields = {name: next(iter(value.values())) for name, value in receivers.notion[0]["properties"].items()}
        console.print(f"  Notion, the first: {', '.join(f'{n} {_plain(v)}' for n, v in fields.items())}", markup=False)


def _plain(value: Any) -> Any:
    """The text inside a value of Notion's."""
    while isinstance(value, list | dict):
        value = value[0] if isinstance(value, list) else next(iter(value.values()))
    return value
