"""Which components exist for a stack's settings; the only place that wires them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.cluster import Cluster
from components.image import WorkerImage
from components.job_api import ApiWorker, JobApi, JobApiArgs
from components.manifest import MIN_SCRATCH_GB, ApiTrigger, BucketGrant, Grant, ModelGrant, SecretGrant
from components.network import Network, NetworkArgs
from components.notifier import Notifier, NotifierArgs
from components.permissions import Statement, invoke_model, read_objects, read_secret, write_objects
from components.queue_service import QueueWorker
from components.queue_trigger import QueueTrigger
from components.queue_worker import QueueWorkers, QueueWorkersArgs
from components.settings import NAMESPACE, Settings
from components.site import Site
from components.storage import Bucket
from components.tables import IdempotencyTable, JobsTable
from components.task import FargateTaskArgs
from components.worker import Worker


class Platform(pulumi.ComponentResource):
    """Everything that a stack is made of.

    url, key: of the job API; None without an API worker. uploads_bucket, results_bucket: names.
    """

    def __init__(self, settings: Settings, project_dir: Path):
        """Raises pulumi.RunError if there is nothing to deploy."""
        super().__init__("serverless-batch:platform:Platform", settings.stack, {"region": settings.region})
        tags = {"project": NAMESPACE, "stack": settings.stack, "managed-by": "pulumi", **settings.tags}
        provider = aws.Provider(
            "aws",
            region=settings.region,
            default_tags={"tags": tags},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._opts = pulumi.ResourceOptions(parent=self, providers={"aws": provider})
        self._settings, self._project_dir = settings, project_dir
        self._site = site = _site(settings, provider)
        api_workers = [(worker, api) for worker in settings.workers if (api := worker.manifest.trigger.api)]
        queue_workers = [(worker, queue) for worker in settings.workers if (queue := worker.manifest.trigger.queue)]
        data = settings.data

        self._alerts = Alerts("alerts", site, settings.alarms.emails, opts=self._opts)
        self._uploads = Bucket(
            "uploads",
            site,
            expire_days=data.upload_days,
            protect=data.protect,
            announce=bool(queue_workers),
            opts=self._opts,
        )
        self._results = Bucket("results", site, expire_days=data.result_days, protect=data.protect, opts=self._opts)
        self.uploads_bucket, self.results_bucket = self._uploads.id, self._results.id
        self._idempotency = IdempotencyTable("idempotency", site, opts=self._opts)
        self._network = self._tasks_network()
        self._cluster = Cluster(
            "tasks",
            site,
            spot_share=settings.spot.share,
            on_demand_base=settings.spot.on_demand_base,
            opts=self._opts,
        )
        self.url: pulumi.Output[str] | None = None
        self.key: pulumi.Output[str] | None = None
        if api_workers:
            job_api = self._job_api(api_workers)
            self.url, self.key = job_api.url, job_api.key
        if queue_workers:
            self._queue_workers(queue_workers)
        self.register_outputs({"url": self.url})

    def _job_api(self, workers: Sequence[tuple[Worker, ApiTrigger]]) -> JobApi:
        settings, site, project_dir = self._settings, self._site, self._project_dir
        days, data, notion = settings.logs.retention_days, settings.data, settings.notifications.notion
        jobs = JobsTable(
            "jobs",
            site,
            point_in_time_recovery=data.point_in_time_recovery,
            protect=data.protect,
            opts=self._opts,
        )
        Notifier(
            "notifier",
            site,
            project_dir,
            NotifierArgs(
                slack_secret_arn=settings.notifications.slack_secret_arn,
                notion_secret_arn=notion.secret_arn if notion else None,
                notion_database_id=notion.database_id if notion else None,
                emails=settings.notifications.topic_emails,
                log_retention_days=days,
            ),
            jobs=jobs,
            idempotency=self._idempotency,
            results=self._results,
            alerts=self._alerts,
            opts=self._opts,
        )
        return JobApi(
            "job-api",
            site,
            project_dir,
            JobApiArgs(
                workers=[self._api_worker(worker, trigger) for worker, trigger in workers],
                job_ttl_days=settings.api.job_ttl_days,
                allowed_ips=settings.api.allowed_ips,
                rate=settings.api.throttle.rate,
                burst=settings.api.throttle.burst,
                quota=settings.api.quota.limit,
                quota_period=settings.api.quota.period,
                log_retention_days=days,
            ),
            network=self._network,
            cluster=self._cluster,
            jobs=jobs,
            uploads=self._uploads,
            results=self._results,
            alerts=self._alerts,
            opts=self._opts,
        )

    def _queue_workers(self, workers: Sequence[tuple[Worker, QueueTrigger]]) -> None:
        QueueWorkers(
            "queue-workers",
            self._site,
            self._project_dir,
            QueueWorkersArgs(
                workers=[self._queue_worker(worker, trigger) for worker, trigger in workers],
                load_generator=self._settings.tools.load_generator,
                log_retention_days=self._settings.logs.retention_days,
            ),
            network=self._network,
            cluster=self._cluster,
            idempotency=self._idempotency,
            uploads=self._uploads,
            results=self._results,
            alerts=self._alerts,
            opts=self._opts,
        )

    def _tasks_network(self) -> Network:
        network, engine = self._settings.network, self._settings.engine
        more = ["bedrock-runtime"] if engine.kind == "bedrock" else []
        grants = [grant for worker in self._settings.workers for grant in worker.manifest.grants]
        if any(isinstance(grant, SecretGrant) for grant in grants):
            more.append("secretsmanager")
        return Network(
            "tasks",
            self._site,
            NetworkArgs(
                mode=network.mode,
                cidr=network.cidr,
                zones=network.availability_zones,
                nat_per_zone=network.nat_gateways == "per-zone",
                endpoint_services=more,
                vpc_id=network.vpc_id or None,
                subnet_ids=network.subnet_ids,
                assign_public_ip=network.assign_public_ip,
            ),
            opts=self._opts,
        )

    def _api_worker(self, worker: Worker, trigger: ApiTrigger) -> ApiWorker:
        manifest = worker.manifest
        return ApiWorker(
            name=worker.name,
            description=manifest.description,
            input=manifest.input,
            concurrency=trigger.concurrency,
            timeout=manifest.resources.timeout_seconds,
            attempts=manifest.retry.attempts,
            backoff=manifest.retry.backoff_seconds,
            spot_share=worker.spot_share,
            task=self._task(worker),
        )

    def _queue_worker(self, worker: Worker, trigger: QueueTrigger) -> QueueWorker:
        manifest = worker.manifest
        return QueueWorker(
            name=worker.name,
            prefix=trigger.prefix,
            suffixes=trigger.suffixes,
            fifo=trigger.fifo,
            tenant=trigger.tenant,
            target=trigger.backlog_target,
            min_tasks=trigger.min_tasks,
            max_tasks=trigger.max_tasks,
            cooldown_out=trigger.cooldown.out_seconds,
            cooldown_in=trigger.cooldown.in_seconds,
            work=trigger.work,
            concurrency=trigger.concurrency,
            effect=trigger.effect,
            timeout=manifest.resources.timeout_seconds,
            attempts=manifest.retry.attempts,
            backoff=manifest.retry.backoff_seconds,
            visibility=trigger.visibility_seconds,
            spot_share=worker.spot_share,
            on_demand_base=self._settings.spot.on_demand_base,
            task=self._task(worker),
        )

    def _task(self, worker: Worker) -> FargateTaskArgs:
        """The worker's container, whatever triggers it."""
        resources, engine = worker.manifest.resources, self._settings.engine
        image = None
        if not worker.image:
            image = WorkerImage(
                worker.name,
                self._site,
                self._project_dir,
                architecture=resources.architecture,
                protect=self._settings.data.protect,
                opts=self._opts,
            )
        environment = {
            **worker.manifest.environment,
            "AWS_REGION": self._site.region,
            "VCPU": f"{resources.vcpu:g}",
            "MEMORY_GB": f"{resources.memory_mib / 1024:g}",
            "ARCHITECTURE": resources.architecture,
            "POWERTOOLS_SERVICE_NAME": worker.name,
            "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
        }
        secrets = {}
        if any(isinstance(grant, ModelGrant) for grant in worker.manifest.grants):
            known = {"kind": engine.kind, "model": engine.model, "endpoint": engine.endpoint}
            environment["ENGINE"] = json.dumps({key: value for key, value in known.items() if value}, sort_keys=True)
            secrets = {"OPENAI_API_KEY": engine.secret_arn} if engine.secret_arn else {}
        return FargateTaskArgs(
            image=image.uri if image else str(worker.image),
            repository_arn=image.repository_arn if image else _repository_arn(self._site, str(worker.image)),
            cpu=round(resources.vcpu * 1024),
            memory=resources.memory_mib,
            scratch=resources.scratch_gib if resources.scratch_gib > MIN_SCRATCH_GB else None,
            architecture=resources.architecture,
            environment=environment,
            secrets=secrets,
            statements=[statement for grant in worker.manifest.grants for statement in self._granted(grant)],
            log_retention_days=self._settings.logs.retention_days,
            after=[image.pushed] if image else [],
        )

    def _granted(self, grant: Grant) -> list[Statement]:
        """A manifest's grant as statements."""
        if isinstance(grant, BucketGrant):
            bucket = {"uploads": self._uploads, "results": self._results}[grant.bucket]
            access = {"read": read_objects, "write": write_objects}[grant.verb]
            return access(bucket.arn, grant.prefix)
        if isinstance(grant, ModelGrant):
            engine = self._settings.engine
            return invoke_model(self._site, engine.model) if engine.kind == "bedrock" else []
        # Secrets Manager ends each ARN with six characters of its own.
        return read_secret(self._site.arn("secretsmanager", f"secret:{grant.name}-??????"))


def _site(settings: Settings, provider: aws.Provider) -> Site:
    asked = pulumi.InvokeOptions(provider=provider)
    return Site(
        project=NAMESPACE,
        stack=settings.stack,
        account=aws.get_caller_identity(opts=asked).account_id,
        region=settings.region,
        partition=aws.get_partition(opts=asked).partition,
    )


def _repository_arn(site: Site, image: str) -> str | None:
    """The ECR repository of a given image; None if it comes from elsewhere."""
    host, _, rest = image.partition("/")
    account, *labels = host.split(".")
    if labels[:2] != ["dkr", "ecr"]:
        return None
    return f"arn:{site.partition}:ecr:{labels[2]}:{account}:repository/{rest.partition('@')[0].partition(':')[0]}"
