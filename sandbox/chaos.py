"""`python -m sandbox chaos` and `status`: faults for a sandbox that is up, and a look at it."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path
from typing import Any

from rich.table import Table

from sandbox.check import console
from sandbox.control import ask


def chaos(project: Path, arguments: argparse.Namespace) -> int:
    """1 if there was no task to do it to."""
    match arguments.fault:
        case "capacity":
            ask(project, arguments.stack, "capacity", spot=arguments.spot == "on")
            console.print(f"Spot capacity is {arguments.spot}.")
            return 0
        case "clock":
            ask(project, arguments.stack, "clock", factor=arguments.factor)
            console.print(f"The clock goes {arguments.factor:g} times as fast.")
            return 0
    done = {"reclaim": "Reclaimed", "kill": "Killed", "memory": "Killed for memory:"}[arguments.fault]
    wish = {name: value for name, value in vars(arguments).items() if name in ("service", "task", "job", "pod")}
    tasks = ask(project, arguments.stack, arguments.fault, **wish)
    for task in tasks:
        console.print(f"{done} {task.rsplit('/', 1)[-1]}.")
    if not tasks:
        console.print("No such task is running.")
    return 0 if tasks else 1


def status(project: Path, stack: str) -> int:
    """Print the services, the queues, the jobs and the alarms of a sandbox that is up."""
    said = ask(project, stack, "status")
    now, factor = dt.datetime.fromtimestamp(said["clock"]["now"], dt.UTC), said["clock"]["factor"]
    spot = "" if said["capacity"]["FARGATE_SPOT"] else "; Spot has no capacity"
    console.print(f"{now:%H:%M:%S} UTC by the sandbox's clock, {factor:g} times as fast{spot}\n")
    console.print(services_table(said))
    console.print()
    console.print(queues_table(said))
    console.print()
    for table in (batch_table(said), cron_jobs_table(said), jobs_table(said)):
        if table.row_count:
            console.print(table)
            console.print()
    for alarm in said["alarms"]:
        since = dt.datetime.fromtimestamp(alarm["since"], dt.UTC)
        console.print(f"[red]ALARM[/] {alarm['name']} since {since:%H:%M:%S}: {alarm['reason']}")
    if not said["alarms"]:
        console.print("No alarm.")
    return 0


def services_table(said: dict[str, Any]) -> Table:
    table = Table("Service", "Desired", "Running", "Tasks", box=None, pad_edge=False)
    for service in said["services"]:
        shown = [
            f"{task['id'][:8]} {task['provider']} {task['status']}{' protected' if task['protected'] else ''}"
            for task in service["tasks"]
        ]
        table.add_row(service["name"], str(service["desired"]), str(service["running"]), "\n".join(shown))
    return table


def batch_table(said: dict[str, Any]) -> Table:
    table = Table("Batch queue", "Priority", "Waiting", "vCPU", "Jobs", box=None, pad_edge=False)
    for queue in said["batch"]:
        jobs = [f"{job['name']} {job['id']} {job['environment']} {job['status']}" for job in queue["placed"]]
        vcpus = f"{queue['vcpus']:g} of {queue['max_vcpus']:g}"
        table.add_row(queue["name"], str(queue["priority"]), str(queue["waiting"]), vcpus, "\n".join(jobs))
    return table


def cron_jobs_table(said: dict[str, Any]) -> Table:
    table = Table("CronJob", "Schedule", "Last", "Next", "Active", box=None, pad_edge=False)
    for job in said["kubernetes"]["cron_jobs"]:
        schedule = f"{job['schedule']} {job['zone']}{', suspended' if job['suspended'] else ''}"
        table.add_row(job["name"], schedule, job["last"] or "", job["next"] or "", str(job["active"]))
    return table


def jobs_table(said: dict[str, Any]) -> Table:
    table = Table("Kubernetes Job", "State", "Succeeded", "Failed", "Pods", box=None, pad_edge=False)
    for job in said["kubernetes"]["jobs"]:
        succeeded = f"{job['succeeded']} of {job['completions']}"
        table.add_row(job["name"], job["state"], succeeded, str(job["failed"]), "\n".join(job["pods"]))
    return table


def queues_table(said: dict[str, Any]) -> Table:
    table = Table("Queue", "Waiting", "In flight", "Dead letters", box=None, pad_edge=False)
    for queue in said["queues"]:
        dead = "" if queue["dead"] is None else str(queue["dead"])
        table.add_row(queue["name"], str(queue["waiting"]), str(queue["in_flight"]), dead)
    return table
