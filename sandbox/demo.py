"""The demonstration: the stack is deployed, real work goes through it, and what came of it is shown."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from rich.markup import escape

from components.settings import parse_settings
from components.stackfile import engine_config
from sandbox.check import console, report
from sandbox.demo_batch import big_job
from sandbox.demo_burst import uploads
from sandbox.demo_jobs import jobs
from sandbox.demo_kubernetes import sources
from sandbox.demo_report import sales_report
from sandbox.demo_scene import Scene
from sandbox.demo_workflow import workflow
from sandbox.deployment import Deployment, Refused, fresh_cloud
from sandbox.receivers import Receivers, local_channels
from sandbox.serve import tell_what_only_exists_on_aws

SECTIONS = (jobs, uploads, sales_report, big_job, workflow, sources)


def demo(project: Path, stack: str) -> int:
    """0 only if every policy passed and everything succeeded."""
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
        scene = Scene(project, parse_settings(config, stack, project), deployment, receivers)
        outcomes = [outcome for section in SECTIONS if (outcome := section(scene))]
    console.rule("Summary")
    for outcome in outcomes:
        for line in outcome.summary:
            console.print(line)
    memory = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"{time.monotonic() - started:.1f} s from start to end. The sandbox took {memory:.0f} MB at most.")
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    for problem in problems:
        console.print(f"[red]✗[/] {escape(problem)}")
    good = good and bool(outcomes) and not problems
    console.print("[green bold]Everything succeeded.[/]" if good else "[red bold]Not everything succeeded.[/]")
    return 0 if good else 1
