"""Work that is a job, whatever asks for it: table and FIFO queue → launcher → Fargate task → result."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.cluster import Cluster
from components.function import FROM_QUEUE, Function, FunctionArgs
from components.network import Network
from components.permissions import (
    Statement,
    consume_queue,
    hold_messages,
    run_tasks,
    send_messages,
    write_items,
    write_objects,
)
from components.queue import Queue
from components.site import Site
from components.storage import Bucket
from components.tables import JobsTable
from components.task import CONTAINER, FargateTask, FargateTaskArgs

LAUNCHER_TIMEOUT_SECONDS = 30
MAX_RECEIVES = 10


@dataclass(frozen=True, kw_only=True)
class JobWorker:
    """
    A worker that runs jobs.

    input: JSON schema of a job's input. concurrency: most tasks at a time.
    timeout: seconds for one job. attempts: how often a job is tried; backoff: seconds before the second attempt.
    spot_share: percent of its tasks on Spot.
    task: the container; the runner adds what it takes to serve jobs.
    """

    name: str
    description: str
    input: Mapping[str, Any]
    concurrency: int
    timeout: int
    attempts: int
    backoff: int
    spot_share: int
    task: FargateTaskArgs


class JobRunner(pulumi.ComponentResource):
    """A queue and a task definition for every worker given, and one launcher for all. queues: by worker."""

    def __init__(
        self,
        name: str,
        site: Site,
        project_dir: Path,
        workers: Sequence[JobWorker],
        *,
        network: Network,
        cluster: Cluster,
        jobs: JobsTable,
        uploads: Bucket,
        results: Bucket,
        alerts: Alerts,
        log_retention_days: int,
        opts: pulumi.ResourceOptions | None = None,
    ):
        # The launcher chooses the capacity of each task, so this is where policies see the Spot share.
        shares = {worker.name: worker.spot_share for worker in workers}
        super().__init__("serverless-batch:job_runner:JobRunner", name, {"spotShares": shares}, opts)
        self._site, self._alerts = site, alerts
        self._child = pulumi.ResourceOptions(parent=self)
        self.queues = {worker.name: self._queue(worker) for worker in workers}
        tasks = {
            worker.name: self._task(worker, self.queues[worker.name], jobs, uploads, results) for worker in workers
        }
        self._entries = {w.name: _catalogue_entry(w, self.queues[w.name], tasks[w.name]) for w in workers}
        self._launcher(project_dir, tasks, network, cluster, jobs, log_retention_days)
        self.register_outputs({"queues": {name: queue.url for name, queue in self.queues.items()}})

    def catalogue(self, workers: Iterable[str]) -> str:
        """What functions know of these workers, as JSON text."""
        return json.dumps({name: self._entries[name] for name in workers}, sort_keys=True)

    def _queue(self, worker: JobWorker) -> Queue:
        # A message stays in flight while its job runs; until the task has taken over, this is how long it may take.
        return Queue(
            worker.name,
            self._site,
            fifo=True,
            visibility_seconds=6 * LAUNCHER_TIMEOUT_SECONDS,
            max_receives=MAX_RECEIVES,
            alerts=self._alerts,
            opts=self._child,
        )

    def _task(self, worker: JobWorker, queue: Queue, jobs: JobsTable, uploads: Bucket, results: Bucket) -> FargateTask:
        serving: list[Statement] = [
            *hold_messages(queue.arn),
            *send_messages(queue.arn, queue.dead_letter_arn),
            *write_items(jobs.arn),
            *write_objects(results.arn, f"{worker.name}/"),
        ]
        environment = {
            "WORKER": worker.name,
            "JOBS_TABLE": jobs.table_name,
            "QUEUE_URL": queue.url,
            "DLQ_URL": queue.dead_letter_url,
            "UPLOADS_BUCKET": uploads.bucket_name,
            "RESULTS_BUCKET": results.bucket_name,
            "TIMEOUT_SECONDS": str(worker.timeout),
            "MAX_ATTEMPTS": str(worker.attempts),
            "BACKOFF_SECONDS": str(worker.backoff),
        }
        task = worker.task
        return FargateTask(
            worker.name,
            self._site,
            replace(
                task,
                environment={**task.environment, **environment},
                statements=[*serving, *task.statements],
            ),
            opts=self._child,
        )

    def _launcher(
        self,
        project_dir: Path,
        tasks: Mapping[str, FargateTask],
        network: Network,
        cluster: Cluster,
        jobs: JobsTable,
        log_retention_days: int,
    ) -> None:
        arns = [queue.arn for queue in self.queues.values()]
        dead_letters = [queue.dead_letter_arn for queue in self.queues.values()]
        launcher = Function(
            "launcher",
            self._site,
            project_dir,
            FunctionArgs(
                folder="launcher",
                environment={
                    "JOBS_TABLE": jobs.table_name,
                    "CLUSTER": cluster.cluster_name,
                    "SUBNETS": pulumi.Output.from_input(network.subnet_ids).apply(",".join),
                    "SECURITY_GROUPS": network.security_group_id,
                    "ASSIGN_PUBLIC_IP": "ENABLED" if network.assign_public_ip else "DISABLED",
                    "MAX_RECEIVE_COUNT": str(MAX_RECEIVES),
                },
                statements=[
                    *consume_queue(*arns),
                    *send_messages(*arns, *dead_letters),
                    *write_items(jobs.arn, create=True),
                    *run_tasks(
                        self._site,
                        cluster.cluster_name,
                        [task.family for task in tasks.values()],
                        [role for task in tasks.values() for role in task.roles],
                    ),
                ],
                timeout=LAUNCHER_TIMEOUT_SECONDS,
                log_retention_days=log_retention_days,
                files={"catalogue.json": self.catalogue(tasks)},
            ),
            self._alerts,
            opts=self._child,
        )
        for name, queue in self.queues.items():
            aws.lambda_.EventSourceMapping(
                name,
                event_source_arn=queue.queue_arn,
                function_name=launcher.function_arn,
                batch_size=10,
                scaling_config=FROM_QUEUE,
                function_response_types=["ReportBatchItemFailures"],
                # Not before the task definition is there to be launched.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[tasks[name]]),
            )


def _catalogue_entry(worker: JobWorker, queue: Queue, task: FargateTask) -> dict[str, Any]:
    """What functions know of a worker."""
    return {
        "description": worker.description,
        "input": worker.input,
        "queue_url": queue.url,
        "dlq_url": queue.dead_letter_url,
        "family": task.family,
        "container": CONTAINER,
        "cap": worker.concurrency,
        "spot_share": worker.spot_share,
        "max_attempts": worker.attempts,
        "timeout_seconds": worker.timeout,
    }
