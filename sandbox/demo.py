"""The demonstration: every sample file goes through the real API to its worker, and what came of it is shown."""

from __future__ import annotations

import json
import mimetypes
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
from rich.live import Live
from rich.table import Table

from components.stackfile import engine_config
from sandbox.check import console, report
from sandbox.cloud import Cloud
from sandbox.deployment import Deployment, Refused, fresh_cloud
from sandbox.program import PROJECT
from sandbox.receivers import Receivers
from sandbox.serve import tell_what_only_exists_on_aws

ENDED = {"SUCCEEDED", "FAILED", "CANCELLED"}
PATIENCE_SECONDS = 300
POLL_SECONDS = 0.5
COLOURS = {"QUEUED": "yellow", "RUNNING": "cyan", "SUCCEEDED": "green", "FAILED": "red", "CANCELLED": "red"}


class CallFailed(Exception):
    """The API refused or did not answer."""


@dataclass
class Client:
    """The API as a caller sees it."""

    url: str
    key: str
    _http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30))

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._http.request(method, self.url + path, headers={"x-api-key": self.key}, json=body)
        if answer.status >= 400:
            raise CallFailed(f"{method} {path}: {answer.status} {answer.data.decode(errors='replace')}")
        return answer.json()

    def upload(self, file: Path) -> dict[str, str]:
        """Where the file lies now, as a worker's input names it."""
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        content = file.read_bytes()
        place = self.call("POST", "/uploads", {"filename": file.name, "content_type": kind, "size": len(content)})
        answer = self._http.request(place["method"], place["url"], body=content, headers=place["headers"])
        if answer.status != 200:
            raise CallFailed(f"upload of {file.name}: {answer.status}")
        return {"bucket": place["bucket"], "key": place["key"]}

    def result(self, job: Mapping[str, Any]) -> dict[str, Any]:
        return self._http.request("GET", job["result_url"]).json()


def demo(project: Path, stack: str) -> int:
    """0 only if every policy passed and every job succeeded."""
    started = time.monotonic()
    config = engine_config(project, stack)
    console.rule(f"1 · Deploy stack {stack} into the sandbox")
    cloud, receivers = fresh_cloud(project, stack, config), Receivers()
    try:
        deployment = Deployment(project, stack, config | _local_channels(cloud, receivers), cloud)
    except Refused as refusal:
        report(refusal.violations)
        cloud.close()
        return 1
    with deployment:
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
    receivers.close()
    console.rule("6 · Summary")
    _summary(jobs, time.monotonic() - started)
    good = passed and bool(jobs) and len(succeeded) == len(jobs)
    console.print("[green bold]Everything succeeded.[/]" if good else "[red bold]Not everything succeeded.[/]")
    return 0 if good else 1


def _local_channels(cloud: Cloud, receivers: Receivers) -> dict[str, str]:
    """The stack's configuration with both channels on, their secrets in this cloud, their services on this machine."""
    manager = cloud.client("secretsmanager")
    slack = manager.create_secret(Name="demo/slack", SecretString=f"{receivers.url}/slack")["ARN"]
    notion = manager.create_secret(Name="demo/notion", SecretString="sandbox-token")["ARN"]
    cloud.compute.functions.overrides["NOTION_URL"] = receivers.url
    channels = {"slackSecretArn": slack, "notion": {"secretArn": notion, "databaseId": "0" * 32}}
    return {f"{PROJECT}:notifications": json.dumps(channels)}


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
