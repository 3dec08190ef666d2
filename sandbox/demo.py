"""The demonstration: every sample file goes through the real API to its worker, and what came of it is shown."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.live import Live
from rich.table import Table

from components.stackfile import engine_config
from sandbox.check import console, report
from sandbox.client import Client
from sandbox.deployment import Deployment, Refused, fresh_cloud
from sandbox.receivers import Receivers, local_channels
from sandbox.serve import tell_what_only_exists_on_aws

ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}
PATIENCE_SECONDS = 300
POLL_SECONDS = 0.5
COLOURS = {"QUEUED": "yellow", "RUNNING": "cyan", "SUCCEEDED": "green", "FAILED": "red", "CANCELLED": "red"}


def demo(project: Path, stack: str) -> int:
    """0 only if every policy passed and every job succeeded."""
    started = time.monotonic()
    config = engine_config(project, stack)
    console.rule(f"1 · Deploy stack {stack} into the sandbox")
    with fresh_cloud(project, stack, config) as cloud, closing(Receivers()) as receivers:
        try:
            deployment = Deployment(project, stack, config | local_channels(cloud, receivers), cloud)
        except Refused as refusal:
            report(refusal.violations)
            return 1
        console.print(f"{len(deployment.run.resources)} resources; API at {deployment.url}")
        tell_what_only_exists_on_aws(cloud.declared_only)
        console.rule("2 · Policies")
        passed = report(deployment.violations)
        console.rule("3 · Jobs through the API")
        client = Client(deployment.url, deployment.key)
        submitted = _submit(client, project / "samples")
        jobs = _watch(client, submitted)
        succeeded = [job for job in jobs.values() if job["status"] == "SUCCEEDED"]
        console.rule("4 · Results")
        for job_id, file in submitted.items():
            _show(client, jobs[job_id], file)
        console.rule("5 · Notifications")
        _show_notices(receivers, jobs)
    console.rule("6 · Summary")
    _summary(jobs, time.monotonic() - started)
    good = passed and bool(jobs) and len(succeeded) == len(jobs)
    console.print("[green bold]Everything succeeded.[/]" if good else "[red bold]Not everything succeeded.[/]")
    return 0 if good else 1


def _submit(client: Client, samples: Path) -> dict[str, Path]:
    """One job for each file in `samples/<worker>/`, for the workers that the API has: job id → file."""
    submitted: dict[str, Path] = {}
    for worker in client.call("GET", "/workers")["workers"]:
        for file in sorted((samples / worker["name"]).glob("*")):
            job = client.call("POST", "/jobs", {"worker": worker["name"], "input": client.upload(file)})
            submitted[job["job_id"]] = file
    return submitted


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
    table = Table("Worker", "File", "Status", "Seconds", "Engine", "Cost", box=None, pad_edge=False)
    for job_id, job in jobs.items():
        seconds, cost = job.get("duration_seconds"), job.get("cost_usd")
        table.add_row(
            job["worker"],
            submitted[job_id].name,
            f"[{COLOURS[job['status']]}]{job['status']}[/]",
            f"{seconds:.1f}" if seconds is not None else "",
            job.get("engine", ""),
            f"${cost:.6f}" if cost is not None else "",
        )
    return table


def _show(client: Client, job: Mapping[str, Any], file: Path) -> None:
    console.print(f"[bold]{job['worker']}[/] · {file.name}")
    if job["status"] != "SUCCEEDED":
        console.print(f"  {job['status']}: {job.get('reason', 'no reason given')}", markup=False)
        return
    for name, value in client.result(job).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        console.print(f"  {name}: {text if len(text) <= 200 else text[:200] + '…'}", markup=False)


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
        console.print("  Notion, the first: " + json.dumps(receivers.notion[0]["properties"]), markup=False)


def _summary(jobs: Mapping[str, Mapping[str, Any]], seconds: float) -> None:
    cost = sum(job.get("cost_usd") or 0 for job in jobs.values())
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    largest = max((job.get("peak_memory_mb", 0) for job in jobs.values()), default=0)
    good = sum(job["status"] == "SUCCEEDED" for job in jobs.values())
    console.print(f"{good} of {len(jobs)} jobs succeeded, in {seconds:.1f} s from start to end.")
    console.print(
        f"On AWS these tasks would cost ${cost:.6f} (us-east-1 list price, one-minute minimum, Spot at 70 % off)."
    )
    console.print(f"Peak memory: sandbox {own:.0f} MB, largest task {largest} MB.")
