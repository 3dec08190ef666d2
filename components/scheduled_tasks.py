"""Jobs by schedule: EventBridge Scheduler → starter → queue, and a watchman for the runs that nobody started."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.cluster import Cluster
from components.function import Function, FunctionArgs
from components.job_runner import JobRunner, JobWorker
from components.permissions import (
    Role,
    Statement,
    invoke_function,
    publish,
    query_index,
    read_items,
    send_messages,
    stop_tasks,
    write_items,
)
from components.queue import DeadLetterQueue
from components.rounds import Rounds
from components.site import Site
from components.tables import LISTING_INDEX, JobsTable
from components.zones import zone_files

WATCH_MINUTES = 5
WATCHED_KEYS = ("watched#*",)  # up to when the watchman has looked, by its keys in the table
WATCHMAN_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class ScheduledTask:
    """
    When a worker runs.

    worker: as the job runner has it. given: what the schedule puts into every job's input.
    expression, timezone: as EventBridge Scheduler takes them. window: seconds within which a run may begin, 0 for at
    once. start, end: bounds with their zones, None for none. enabled: whether it runs at all.
    overlap: "forbid", "allow" or "replace" a run while an earlier one has not ended.
    """

    worker: JobWorker
    given: Mapping[str, Any]
    expression: str
    timezone: str
    window: int
    start: dt.datetime | None
    end: dt.datetime | None
    enabled: bool
    overlap: str


@dataclass(frozen=True, kw_only=True)
class ScheduledTasksArgs:
    """job_ttl_days: how long a job's record is kept."""

    tasks: Sequence[ScheduledTask]
    job_ttl_days: int
    log_retention_days: int


class ScheduledTasks(pulumi.ComponentResource):
    """A schedule for every worker given; with what they share: the starter, the watchman, a queue for the unstarted."""

    def __init__(
        self,
        name: str,
        site: Site,
        project_dir: Path,
        args: ScheduledTasksArgs,
        *,
        runner: JobRunner,
        cluster: Cluster,
        jobs: JobsTable,
        alerts: Alerts,
        opts: pulumi.ResourceOptions | None = None,
    ):
        names = [task.worker.name for task in args.tasks]
        super().__init__("serverless-batch:scheduled_tasks:ScheduledTasks", name, {"workers": names}, opts)
        self._site, self._project_dir, self._args = site, project_dir, args
        self._cluster, self._jobs, self._alerts = cluster, jobs, alerts
        self._child = pulumi.ResourceOptions(parent=self)
        self._unstarted = DeadLetterQueue(
            "unstarted",
            site,
            senders=[],
            description="A run was not started: each message is the event. Mend the cause, then invoke the starter "
            "with it again.",
            alerts=alerts,
            opts=self._child,
        )
        starter = self._starter(runner)
        self._schedules(name, starter)
        self._watchman()
        for task in args.tasks:
            self._alarms(task.worker)
        self.register_outputs({"workers": names})

    def _starter(self, runner: JobRunner) -> Function:
        catalogue = {task.worker.name: _started(task, runner) for task in self._args.tasks}
        return self._function(
            "starter",
            {
                "JOBS_TABLE": self._jobs.table_name,
                "CLUSTER": self._cluster.cluster_name,
                "JOB_TTL_DAYS": str(self._args.job_ttl_days),
            },
            [
                *send_messages(*(runner.queues[worker].arn for worker in catalogue)),
                *write_items(self._jobs.arn, create=True),
                *stop_tasks(self._site, self._cluster.cluster_name),
            ],
            files={"catalogue.json": json.dumps(catalogue, sort_keys=True)},
            dead_letters=self._unstarted.arn,
        )

    def _schedules(self, name: str, starter: Function) -> None:
        group = aws.scheduler.ScheduleGroup(name, name=self._site.name("workers"), opts=self._child)
        role = Role(
            "starter-schedule",
            self._site,
            "scheduler",
            [*invoke_function(starter.arn), *send_messages(self._unstarted.arn)],
            opts=self._child,
        )
        for task in self._args.tasks:
            self._schedule(task, group, starter, role)

    def _schedule(self, task: ScheduledTask, group: aws.scheduler.ScheduleGroup, starter: Function, role: Role) -> None:
        worker, now = task.worker.name, dt.datetime.now(dt.UTC)
        over = task.end is not None and task.end <= now
        event = {
            "worker": worker,
            "scheduled": "<aws.scheduler.scheduled-time>",
            "execution": "<aws.scheduler.execution-id>",
        }
        aws.scheduler.Schedule(
            worker,
            name=self._site.name(worker),
            group_name=group.name,
            description=f"Runs of the worker {worker}",
            schedule_expression=task.expression,
            schedule_expression_timezone=task.timezone,
            # AWS refuses bounds that have passed, also those of a schedule that has been running between them. A rate
            # counts anew from when its start is taken away.
            start_date=_utc(task.start) if task.start and task.start > now else None,
            end_date=_utc(task.end) if task.end and not over else None,
            state="ENABLED" if task.enabled and not over else "DISABLED",
            flexible_time_window={"mode": "FLEXIBLE", "maximum_window_in_minutes": task.window // 60}
            if task.window
            else {"mode": "OFF"},
            target={
                "arn": starter.function_arn,
                "role_arn": role.arn,
                "input": json.dumps(event, sort_keys=True),
                "dead_letter_config": {"arn": self._unstarted.queue_arn},
                # Of handing a run over. Later than that it may be the next one's turn; the dead letter tells.
                "retry_policy": {"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 10},
            },
            opts=self._child,
        )

    def _watchman(self) -> None:
        watched = {task.worker.name: _watched(task) for task in self._args.tasks}
        watchman = self._function(
            "watchman",
            {"JOBS_TABLE": self._jobs.table_name, "TOPIC_ARN": self._alerts.arn},
            [
                *read_items(self._jobs.arn),
                *query_index(self._jobs.arn, LISTING_INDEX),
                *write_items(self._jobs.arn, read=False, keys=WATCHED_KEYS),
                *publish(self._alerts.arn),
            ],
            timeout=WATCHMAN_TIMEOUT_SECONDS,
            packages=("jobs", "schedules"),
            files={
                "catalogue.json": json.dumps(watched, sort_keys=True),
                "zones.json": json.dumps(zone_files(task.timezone for task in self._args.tasks), sort_keys=True),
            },
            dead_letters=self._unstarted.arn,
        )
        Rounds(
            "watchman",
            self._site,
            watchman,
            minutes=WATCH_MINUTES,
            description="Every few minutes: tell of runs that were due and that nobody started",
            undelivered=self._unstarted,
            opts=self._child,
        )

    def _alarms(self, worker: JobWorker) -> None:
        name = worker.name
        self._alerts.when_more_than(
            0,
            f"{name}-missed",
            namespace=self._site.project,
            metric="MissedRuns",
            dimensions={"worker": name},
            period=WATCH_MINUTES * 60,
            description=f"A run of {name} was due and was not started. The notice before this one says which; the "
            "starter's log and the queue for the unstarted may say why.",
            parent=self,
        )
        self._alerts.when_more_than(
            0,
            f"{name}-failed",
            namespace=self._site.project,
            metric="JobsFailed",
            dimensions={"service": name, "worker": name},
            description=f"A run of {name} failed for good; its job's reason and the log group of its tasks say why.",
            parent=self,
        )

    def _function(
        self,
        folder: str,
        environment: dict[str, pulumi.Input[str]],
        statements: Sequence[Statement],
        *,
        files: Mapping[str, str],
        timeout: int = 30,
        packages: Sequence[str] = ("jobs",),
        dead_letters: str | None = None,
    ) -> Function:
        return Function(
            folder,
            self._site,
            self._project_dir,
            FunctionArgs(
                folder=folder,
                environment=environment,
                statements=statements,
                log_retention_days=self._args.log_retention_days,
                timeout=timeout,
                packages=packages,
                files=files,
                dead_letters=dead_letters,
            ),
            self._alerts,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._unstarted]),
        )


def _started(task: ScheduledTask, runner: JobRunner) -> dict[str, Any]:
    """What the starter knows of a worker."""
    return {
        "queue_url": runner.queues[task.worker.name].url,
        "input": task.worker.input,
        "given": task.given,
        "overlap": task.overlap,
        "max_attempts": task.worker.attempts,
        "timeout_seconds": task.worker.timeout,
        "backoff_seconds": task.worker.backoff,
    }


def _watched(task: ScheduledTask) -> dict[str, Any]:
    """What the watchman knows of a worker."""
    return {
        "expression": task.expression,
        "timezone": task.timezone,
        "window_seconds": task.window,
        "start": _utc(task.start) if task.start else None,
        "end": _utc(task.end) if task.end else None,
        "enabled": task.enabled,
    }


def _utc(instant: dt.datetime) -> str:
    return f"{instant.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
