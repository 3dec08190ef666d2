"""A stack that stays up on this machine until somebody stops it."""

from __future__ import annotations

import signal
import threading
from contextlib import closing
from pathlib import Path

from components.stackfile import engine_config
from sandbox.check import console, report
from sandbox.control import Control
from sandbox.deployment import Deployment, Refused, fresh_cloud
from sandbox.kubernetes_workers import kubernetes_workers
from sandbox.queue_workers import queue_workers
from sandbox.scheduled_workers import scheduled_workers
from sandbox.workflow_execution import workflows_of


def serve(project: Path, stack: str) -> int:
    """Deploy, say how to call it, wait for Ctrl-C."""
    config = engine_config(project, stack)
    console.print(f"Deploying stack {stack} …")
    with fresh_cloud(project, stack, config) as cloud:
        try:
            deployment = Deployment(project, stack, config, cloud)
        except Refused as refusal:
            report(refusal.violations)
            return 1
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stop.set())
        report(deployment.violations)
        tell_what_only_exists_on_aws(cloud.declared_only)
        _say_how_to_use_it(deployment, stack)
        console.print(
            f"\nLogs are in {cloud.folder.relative_to(project)}/logs. A changed worker or stack needs a restart."
        )
        console.print("Ctrl-C stops everything.")
        with closing(Control(cloud)):
            stop.wait()
        console.print("Stopping …")
    return 0


def _say_how_to_use_it(deployment: Deployment, stack: str) -> None:
    if deployment.has_api:
        console.print(f"\n[bold]API[/] {deployment.url}\n[bold]Key[/] {deployment.key}")
    console.print("\nIn another terminal:\n", style="bold")
    if deployment.has_api:
        console.print(f"  export API={deployment.url}\n  export KEY={deployment.key}")
        console.print('  curl -s -H "x-api-key: $KEY" $API/workers\n')
    command = f".venv/bin/python -m sandbox {{}} --stack {stack}"
    in_kubernetes = kubernetes_workers(deployment.cloud)
    if runnable := scheduled_workers(deployment.cloud) | in_kubernetes:
        for name in runnable:
            console.print(f"  {command.format(f'run {name}')}", markup=False)
        console.print()
    batch = deployment.cloud.compute.batch.declared.queues
    workers = queue_workers(deployment.cloud)
    for name in workflows_of(deployment.cloud.client("stepfunctions"), stack):
        console.print(f"  {command.format(f'workflow {name}')}", markup=False)
    if batch:
        console.print(f"  {command.format('job submit <worker> --input <JSON> --wait')}", markup=False)
    for name in workers:
        console.print(f"  {command.format(f'upload {name} <file>')}", markup=False)
    if workers or batch or in_kubernetes:
        console.print(f"  {command.format('status')}\n", markup=False)
        console.print("For batchctl and AWS's own tools:\n", style="bold")
        for name, value in deployment.cloud.environment().items():
            console.print(f"  export {name}={value}")


def tell_what_only_exists_on_aws(declared_only: dict[str, int]) -> None:
    """The types that are registered but do nothing in the sandbox."""
    if declared_only:
        listed = ", ".join(sorted({type_.split(":")[-1] for type_ in declared_only}))
        console.print(f"Declared, without effect on this machine: {listed}.", style="dim")
