"""The AI job API: HTTPS → handler → table and FIFO queue → launcher → Fargate task → result → notice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components import openapi
from components.alerts import Alerts
from components.cluster import Cluster
from components.function import Function, FunctionArgs
from components.network import Network
from components.permissions import (
    Statement,
    consume_queue,
    hold_messages,
    link_objects,
    query_index,
    run_tasks,
    send_messages,
    stop_tasks,
    write_items,
    write_objects,
)
from components.queue import Queue
from components.rest_api import RestApi, RestApiArgs
from components.site import Site
from components.storage import Bucket
from components.tables import LISTING_INDEX, JobsTable
from components.task import CONTAINER, FargateTask, FargateTaskArgs

LAUNCHER_TIMEOUT_SECONDS = 30
MAX_RECEIVES = 10


@dataclass(frozen=True, kw_only=True)
class ApiWorker:
    """
    A worker that serves API jobs.

    input: JSON schema of a job's input. concurrency: most tasks at a time.
    timeout: seconds for one job. attempts: how often a job is tried; backoff: seconds before the second attempt.
    spot_share: percent of its tasks on Spot.
    task: the container; the job API adds what it takes to serve jobs.
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


@dataclass(frozen=True, kw_only=True)
class JobApiArgs:
    """
    job_ttl_days: how long a job's record is kept. The rest as in `RestApiArgs`.
    """

    workers: Sequence[ApiWorker]
    job_ttl_days: int
    allowed_ips: Sequence[str]
    rate: float
    burst: int
    quota: int
    quota_period: Any
    log_retention_days: int


class JobApi(pulumi.ComponentResource):
    """Jobs over HTTP for every worker given. Outputs: url, key."""

    def __init__(
        self,
        name: str,
        site: Site,
        project_dir: Path,
        args: JobApiArgs,
        *,
        network: Network,
        cluster: Cluster,
        jobs: JobsTable,
        uploads: Bucket,
        results: Bucket,
        alerts: Alerts,
        opts: pulumi.ResourceOptions | None = None,
    ):
        # The launcher chooses the capacity of each task, so this is where policies see the Spot share.
        shares = {worker.name: worker.spot_share for worker in args.workers}
        super().__init__("serverless-batch:job_api:JobApi", name, {"spotShares": shares}, opts)
        self._site, self._project_dir, self._args = site, project_dir, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._alerts = alerts
        queues = {worker.name: self._queue(worker) for worker in args.workers}
        tasks = {
            worker.name: self._task(worker, queues[worker.name], jobs, uploads, results) for worker in args.workers
        }
        catalogue = json.dumps(
            {w.name: _catalogue_entry(w, queues[w.name], tasks[w.name]) for w in args.workers}, sort_keys=True
        )
        self._launcher(catalogue, queues, tasks, network, cluster, jobs)
        self.api = self._api(name, catalogue, queues, cluster, jobs, uploads, results)
        self.url, self.key = self.api.url, self.api.key
        self.register_outputs({"url": self.url})

    def _queue(self, worker: ApiWorker) -> Queue:
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

    def _task(self, worker: ApiWorker, queue: Queue, jobs: JobsTable, uploads: Bucket, results: Bucket) -> FargateTask:
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
            FargateTaskArgs(
                **vars(task)
                | {
                    "environment": {**task.environment, **environment},
                    "statements": [*serving, *task.statements],
                }
            ),
            opts=self._child,
        )

    def _launcher(
        self,
        catalogue: str,
        queues: Mapping[str, Queue],
        tasks: Mapping[str, FargateTask],
        network: Network,
        cluster: Cluster,
        jobs: JobsTable,
    ) -> None:
        arns = [queue.arn for queue in queues.values()]
        dead_letters = [queue.dead_letter_arn for queue in queues.values()]
        launcher = Function(
            "launcher",
            self._site,
            self._project_dir,
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
                log_retention_days=self._args.log_retention_days,
                files={"catalogue.json": catalogue},
            ),
            self._alerts,
            opts=self._child,
        )
        for name, queue in queues.items():
            aws.lambda_.EventSourceMapping(
                name,
                event_source_arn=queue.queue_arn,
                function_name=launcher.function_arn,
                batch_size=10,
                function_response_types=["ReportBatchItemFailures"],
                # Not before the task definition is there to be launched.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[tasks[name]]),
            )

    def _api(
        self,
        name: str,
        catalogue: str,
        queues: Mapping[str, Queue],
        cluster: Cluster,
        jobs: JobsTable,
        uploads: Bucket,
        results: Bucket,
    ) -> RestApi:
        document = openapi.description(self._project_dir)
        handler = Function(
            "api",
            self._site,
            self._project_dir,
            FunctionArgs(
                folder="api",
                environment={
                    "JOBS_TABLE": jobs.table_name,
                    "UPLOADS_BUCKET": uploads.bucket_name,
                    "CLUSTER": cluster.cluster_name,
                    "JOB_TTL_DAYS": str(self._args.job_ttl_days),
                },
                statements=[
                    *send_messages(*(queue.arn for queue in queues.values())),
                    *write_items(jobs.arn, create=True, delete=True),
                    *query_index(jobs.arn, LISTING_INDEX),
                    *write_objects(uploads.arn),
                    *link_objects(results.arn),
                    *stop_tasks(self._site, cluster.cluster_name),
                ],
                log_retention_days=self._args.log_retention_days,
                files={
                    "catalogue.json": catalogue,
                    "openapi.json": json.dumps(
                        openapi.served(document, {w.name: w.input for w in self._args.workers}), sort_keys=True
                    ),
                },
            ),
            self._alerts,
            opts=self._child,
        )
        return RestApi(
            name,
            self._site,
            handler,
            RestApiArgs(
                body=openapi.gateway_body(document, self._site, handler.arn),
                allowed_ips=self._args.allowed_ips,
                rate=self._args.rate,
                burst=self._args.burst,
                quota=self._args.quota,
                quota_period=self._args.quota_period,
                log_retention_days=self._args.log_retention_days,
            ),
            opts=self._child,
        )


def _catalogue_entry(worker: ApiWorker, queue: Queue, task: FargateTask) -> dict[str, Any]:
    """What the handler and the launcher know of a worker."""
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
