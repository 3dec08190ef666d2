"""The demonstration: every sample file goes through the real API to its worker, and what came of it is shown."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

from rich.live import Live
from rich.markup import escape
from rich.table import Table

from components.stackfile import engine_config
from sandbox.burst import Report as Burst
from sandbox.burst import burst, images, tell
from sandbox.check import console, report
from sandbox.client import CallFailed, Client
from sandbox.cloud import Cloud
from sandbox.deployment import Deployment, Refused, fresh_cloud
from sandbox.queue_workers import queue_workers
from sandbox.receivers import Receivers, local_channels
from sandbox.serve import tell_what_only_exists_on_aws

BURST_WORKER = "image_processor"
ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}
PATIENCE_SECONDS = 300
POLL_SECONDS = 0.5
SHOWN = 160  # characters of one field of a result
COLOURS = {"QUEUED": "yellow", "RUNNING": "cyan", "SUCCEEDED": "green", "FAILED": "red", "CANCELLED": "red"}


def demo(project: Path, stack: str) -> int:
    """0 only if every policy passed and every job succeeded."""
    started = time.monotonic()
    config = engine_config(project, stack)
    console.rule(f"Deploy stack {stack} into the sandbox")
    with fresh_cloud(project, stack, config) as cloud, closing(Receivers()) as receivers:
        try:
            deployment = Deployment(project, stack, config | local_channels(cloud, receivers), cloud)
        except Refused as refusal:
            report(refusal.violations)
            return 1
        on_aws = sum(resource.type.startswith("aws") for resource in deployment.run.resources)
        console.print(f"{on_aws} AWS resources" + (f"; API at {deployment.url}" if deployment.has_api else ""))
        tell_what_only_exists_on_aws(cloud.declared_only)
        console.rule("Policies")
        good = report(deployment.violations)
        jobs, failures = _jobs(deployment, receivers, project / "samples") if deployment.has_api else ([], [])
        console.rule("A burst of uploads for a queue worker")
        uploads = _burst(cloud)
    console.rule("Summary")
    _summary(jobs, uploads, time.monotonic() - started)
    for line in failures:
        console.print(f"[red]✗[/] {escape(line)}")
    good = good and bool(jobs or uploads) and not failures and (uploads is None or uploads.good)
    console.print("[green bold]Everything succeeded.[/]" if good else "[red bold]Not everything succeeded.[/]")
    return 0 if good else 1


def _jobs(deployment: Deployment, receivers: Receivers, samples: Path) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Run a job for each sample; the jobs as they ended, and what went wrong, in words."""
    console.rule("Jobs through the API")
    client = Client(deployment.url, deployment.key)
    submitted, refused = _submit(client, samples)
    jobs = _watch(client, submitted)
    console.rule("Results")
    for job_id, file in submitted.items():
        _show(client, jobs[job_id], file)
    console.rule("Notifications")
    _show_notices(receivers, jobs)
    failed = [f"{submitted[id_].name}: {job.get('reason', job['status'])}" for id_, job in jobs.items() if _bad(job)]
    if not jobs:
        failed.append("no sample was for a worker of this stack")
    return list(jobs.values()), failed + refused


def _bad(job: Mapping[str, Any]) -> bool:
    return job["status"] != "SUCCEEDED"


def _submit(client: Client, samples: Path) -> tuple[dict[str, Path], list[str]]:
    """One job for each file in `samples/<worker>/`: job id → file, and what the API would not take, in words."""
    submitted: dict[str, Path] = {}
    refused: list[str] = []
    workers = {worker["name"]: worker for worker in client.call("GET", "/workers")["workers"]}
    for folder in sorted(samples.iterdir()):
        if folder.name not in workers:
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


def _burst(cloud: Cloud) -> Burst | None:
    """Uploads for the queue worker that comes with the project; None if the stack does without it."""
    if BURST_WORKER not in queue_workers(cloud):
        console.print(f"This stack has no queue worker {BURST_WORKER}; left out.")
        return None
    return burst(cloud, BURST_WORKER, images())


def _plain(value: Any) -> Any:
    """The text inside a value of Notion's."""
    while isinstance(value, list | dict):
        value = value[0] if isinstance(value, list) else next(iter(value.values()))
    return value


def _summary(jobs: Sequence[Mapping[str, Any]], uploads: Burst | None, seconds: float) -> None:
    cost = sum(job.get("cost_usd") or 0 for job in jobs)
    own = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    largest = max((job.get("peak_memory_mb", 0) for job in jobs), default=0)
    good = sum(job["status"] == "SUCCEEDED" for job in jobs)
    if jobs:
        console.print(f"[bold]Jobs[/]: {good} of {len(jobs)} succeeded.")
        console.print(
            f"On AWS their tasks would cost ${cost:.6f} (us-east-1 list price, one-minute minimum, Spot at 70 % off)."
        )
    if uploads:
        console.print("[bold]Burst[/]: ", end="")
        tell(uploads)
    of_jobs = f", largest job {largest} MB" if jobs else ""
    console.print(f"{seconds:.1f} s from start to end. Peak memory: sandbox {own:.0f} MB{of_jobs}.")
