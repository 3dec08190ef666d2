"""The AI job API: HTTPS → handler → jobs, which the runner takes from there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from components import openapi
from components.alerts import Alerts
from components.cluster import Cluster
from components.function import Function, FunctionArgs
from components.job_runner import JobRunner, JobWorker
from components.permissions import (
    link_objects,
    query_index,
    send_messages,
    stop_tasks,
    write_items,
    write_objects,
)
from components.rest_api import RestApi, RestApiArgs
from components.site import Site
from components.storage import Bucket
from components.tables import LISTING_INDEX, JobsTable


@dataclass(frozen=True, kw_only=True)
class JobApiArgs:
    """
    workers: those that serve the API; the runner has them, too. job_ttl_days: how long a job's record is kept.
    The rest as in `RestApiArgs`.
    """

    workers: Sequence[JobWorker]
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
        runner: JobRunner,
        cluster: Cluster,
        jobs: JobsTable,
        uploads: Bucket,
        results: Bucket,
        alerts: Alerts,
        opts: pulumi.ResourceOptions | None = None,
    ):
        names = [worker.name for worker in args.workers]
        super().__init__("serverless-batch:job_api:JobApi", name, {"workers": names}, opts)
        child = pulumi.ResourceOptions(parent=self)
        document = openapi.description(project_dir)
        handler = Function(
            "api",
            site,
            project_dir,
            FunctionArgs(
                folder="api",
                environment={
                    "JOBS_TABLE": jobs.table_name,
                    "UPLOADS_BUCKET": uploads.bucket_name,
                    "CLUSTER": cluster.cluster_name,
                    "JOB_TTL_DAYS": str(args.job_ttl_days),
                },
                statements=[
                    *send_messages(*(runner.queues[worker].arn for worker in names)),
                    *write_items(jobs.arn, create=True, delete=True),
                    *query_index(jobs.arn, LISTING_INDEX),
                    *write_objects(uploads.arn),
                    *link_objects(results.arn),
                    *stop_tasks(site, cluster.cluster_name),
                ],
                log_retention_days=args.log_retention_days,
                files={
                    "catalogue.json": runner.catalogue(names),
                    "openapi.json": json.dumps(
                        openapi.served(document, {w.name: w.input for w in args.workers}), sort_keys=True
                    ),
                },
            ),
            alerts,
            opts=child,
        )
        self.api = RestApi(
            name,
            site,
            handler,
            RestApiArgs(
                body=openapi.gateway_body(document, site, handler.arn),
                allowed_ips=args.allowed_ips,
                rate=args.rate,
                burst=args.burst,
                quota=args.quota,
                quota_period=args.quota_period,
                log_retention_days=args.log_retention_days,
            ),
            opts=child,
        )
        self.url, self.key = self.api.url, self.api.key
        self.register_outputs({"url": self.url})
