"""Which components exist for a stack's settings; the only place that wires them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.batch_events import BatchEvents, BatchEventsArgs, blocked_rule_arn
from components.batch_jobs import BatchJobs, BatchTier, BatchWorker
from components.batch_queues import BatchQueues
from components.batch_settings import BatchQueue
from components.batch_trigger import BatchTrigger
from components.cluster import Cluster
from components.eks import existing_cluster
from components.eks_cluster import NewEksCluster
from components.image import WorkerImage, released_images, repository
from components.image_pipeline import ImagePipeline
from components.job_api import JobApi, JobApiArgs
from components.job_runner import JobRunner, JobWorker
from components.kubernetes_trigger import KubernetesTrigger
from components.kubernetes_workers import KubernetesWorker, KubernetesWorkers
from components.manifest import MIN_SCRATCH_GB, ApiTrigger, BucketGrant, Grant, ModelGrant, SecretGrant
from components.network import AGENT_ENDPOINTS, NODE_ENDPOINTS, Network, NetworkArgs
from components.notifier import Notifier, NotifierArgs
from components.permissions import Statement, invoke_model, read_objects, read_secret, write_objects
from components.pipeline_events import failed_rule_arn
from components.queue_service import QueueWorker
from components.queue_trigger import QueueTrigger
from components.queue_worker import QueueWorkers, QueueWorkersArgs
from components.schedule_trigger import ScheduleTrigger
from components.scheduled_tasks import ScheduledTask, ScheduledTasks, ScheduledTasksArgs
from components.settings import NAMESPACE, Settings
from components.shipping import is_shipped, shipped_workers
from components.site import Site
from components.storage import Bucket
from components.tables import IdempotencyTable, JobsTable
from components.task import FargateTaskArgs
from components.worker import Worker
from components.workflow import StateMachine, WorkflowArgs, batch_runner, roles_of, task_runner
from workflows import Runner

PODS_ON_A_NODE = 7  # whose scratch a node of a new cluster has room for, as its four vCPUs have for half a one each
MAX_RUNS = 10  # tasks at a time of a scheduled worker whose runs may overlap


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
        scheduled = [(worker, when) for worker in settings.workers if (when := worker.manifest.trigger.schedule)]
        queue_workers = [(worker, queue) for worker in settings.workers if (queue := worker.manifest.trigger.queue)]
        batch_workers = [(worker, batch) for worker in settings.workers if (batch := worker.manifest.trigger.batch)]
        in_kubernetes = [(worker, pod) for worker in settings.workers if (pod := worker.manifest.trigger.kubernetes)]
        # Queues that are declared are there, also before their first worker and after their last: they cost nothing.
        queues = settings.batch.for_workers if batch_workers else settings.batch.queues
        data = settings.data

        shipped = shipped_workers(settings)
        asked = pulumi.InvokeOptions(provider=provider)
        self._released = released_images(site, asked) if settings.pipeline.source else {}
        speaking = [failed_rule_arn(site)] if shipped else []
        speaking += [blocked_rule_arn(site)] if batch_workers else []
        self._alerts = Alerts(
            "alerts",
            site,
            settings.alarms.emails,
            rule_arns=speaking,
            opts=self._opts,
        )
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
        self._network = self._tasks_network(queues)
        self._cluster = Cluster(
            "tasks",
            site,
            spot_share=settings.spot.share,
            on_demand_base=settings.spot.on_demand_base,
            opts=self._opts,
        )
        self.url: pulumi.Output[str] | None = None
        self.key: pulumi.Output[str] | None = None
        running: list[pulumi.Resource] = []  # what runs the workers
        if api_workers or scheduled:
            running.append(self._job_systems(api_workers, scheduled))
        if queue_workers:
            running.append(self._queue_workers(queue_workers))
        declared = self._batch(batch_workers, queues) if queues else []
        if in_kubernetes:
            self._kubernetes(in_kubernetes, provider)
        if settings.workflows:
            by_job = [*(worker for worker, _ in api_workers), *(worker for worker, _ in scheduled)]
            self._workflows(declared, by_job, queues, running)
        if shipped:
            ImagePipeline(
                "images",
                site,
                settings.pipeline,
                shipped,
                job_definitions={worker.name: jobs.names for worker, jobs in declared},
                network=self._network,
                cluster=self._cluster,
                uploads=self._uploads,
                alerts=self._alerts,
                after=[*running, *(jobs for _, jobs in declared)],
                protect=data.protect,
                log_retention_days=settings.logs.retention_days,
                opts=self._opts,
            )
        self.register_outputs({"url": self.url})

    def _job_systems(
        self, api_workers: Sequence[tuple[Worker, ApiTrigger]], scheduled: Sequence[tuple[Worker, ScheduleTrigger]]
    ) -> JobRunner:
        """Whatever makes jobs, and what runs them."""
        jobs = self._jobs()
        by_api = [self._job_worker(worker, trigger.concurrency) for worker, trigger in api_workers]
        by_schedule = [self._scheduled_task(worker, trigger) for worker, trigger in scheduled]
        runner = self._job_runner([*by_api, *(task.worker for task in by_schedule)], jobs)
        if by_api:
            job_api = self._job_api(by_api, runner, jobs)
            self.url, self.key = job_api.url, job_api.key
        if by_schedule:
            self._scheduled_tasks(by_schedule, runner, jobs)
        return runner

    def _jobs(self) -> JobsTable:
        """The table of jobs, with who tells of those that have ended."""
        settings, site, data = self._settings, self._site, self._settings.data
        notion = settings.notifications.notion
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
            self._project_dir,
            NotifierArgs(
                slack_secret_arn=settings.notifications.slack_secret_arn,
                notion_secret_arn=notion.secret_arn if notion else None,
                notion_database_id=notion.database_id if notion else None,
                emails=settings.notifications.topic_emails,
                log_retention_days=settings.logs.retention_days,
            ),
            jobs=jobs,
            idempotency=self._idempotency,
            results=self._results,
            alerts=self._alerts,
            opts=self._opts,
        )
        return jobs

    def _job_runner(self, workers: Sequence[JobWorker], jobs: JobsTable) -> JobRunner:
        return JobRunner(
            "jobs",
            self._site,
            self._project_dir,
            workers,
            network=self._network,
            cluster=self._cluster,
            jobs=jobs,
            uploads=self._uploads,
            results=self._results,
            alerts=self._alerts,
            log_retention_days=self._settings.logs.retention_days,
            opts=self._opts,
        )

    def _job_api(self, workers: Sequence[JobWorker], runner: JobRunner, jobs: JobsTable) -> JobApi:
        settings = self._settings
        return JobApi(
            "job-api",
            self._site,
            self._project_dir,
            JobApiArgs(
                workers=workers,
                job_ttl_days=settings.api.job_ttl_days,
                allowed_ips=settings.api.allowed_ips,
                rate=settings.api.throttle.rate,
                burst=settings.api.throttle.burst,
                quota=settings.api.quota.limit,
                quota_period=settings.api.quota.period,
                log_retention_days=settings.logs.retention_days,
            ),
            runner=runner,
            cluster=self._cluster,
            jobs=jobs,
            uploads=self._uploads,
            results=self._results,
            alerts=self._alerts,
            opts=self._opts,
        )

    def _scheduled_tasks(self, tasks: Sequence[ScheduledTask], runner: JobRunner, jobs: JobsTable) -> None:
        ScheduledTasks(
            "scheduled-tasks",
            self._site,
            self._project_dir,
            ScheduledTasksArgs(
                tasks=tasks,
                job_ttl_days=self._settings.api.job_ttl_days,
                log_retention_days=self._settings.logs.retention_days,
            ),
            runner=runner,
            cluster=self._cluster,
            jobs=jobs,
            alerts=self._alerts,
            opts=self._opts,
        )

    def _queue_workers(self, workers: Sequence[tuple[Worker, QueueTrigger]]) -> QueueWorkers:
        return QueueWorkers(
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

    def _batch(
        self, workers: Sequence[tuple[Worker, BatchTrigger]], queues: Mapping[str, BatchQueue]
    ) -> list[tuple[BatchWorker, BatchJobs]]:
        settings, site = self._settings, self._site
        batch = BatchQueues(
            "batch",
            site,
            settings.batch,
            queues,
            network=self._network,
            scratch=max((worker.manifest.resources.scratch_gib for worker, _ in workers), default=MIN_SCRATCH_GB),
            opts=self._opts,
        )
        known = [self._batch_worker(worker, trigger) for worker, trigger in workers]
        jobs = [
            BatchJobs(
                worker,
                site,
                queues,
                assign_public_ip=self._network.assign_public_ip,
                uploads=self._uploads,
                results=self._results,
                opts=self._opts,
            )
            for worker in known
        ]
        if known:
            BatchEvents(
                "batch-events",
                site,
                self._project_dir,
                BatchEventsArgs(
                    workers=list(zip(known, jobs, strict=True)),
                    alarms=settings.batch.alarms,
                    log_retention_days=settings.logs.retention_days,
                ),
                batch=batch,
                idempotency=self._idempotency,
                alerts=self._alerts,
                opts=self._opts,
            )
        return list(zip(known, jobs, strict=True))

    def _kubernetes(self, workers: Sequence[tuple[Worker, KubernetesTrigger]], provider: aws.Provider) -> None:
        kubernetes, site = self._settings.kubernetes, self._site
        assert kubernetes.cluster is not None  # the settings refuse a worker without
        known = [self._kubernetes_worker(worker, trigger) for worker, trigger in workers]
        if kubernetes.cluster.existing:
            cluster = existing_cluster(kubernetes.cluster.existing, site, kubernetes, provider, self._opts)
        else:
            cluster = NewEksCluster(
                "eks",
                site,
                kubernetes,
                network=self._network,
                scratch=PODS_ON_A_NODE * max(worker.manifest.resources.scratch_gib for worker, _ in workers),
                secrets=any(worker.task.secrets for worker in known),
                protect=self._settings.data.protect,
                log_retention_days=self._settings.logs.retention_days,
                opts=self._opts,
            ).cluster
        KubernetesWorkers(
            "kubernetes",
            site,
            kubernetes,
            known,
            cluster=cluster,
            uploads=self._uploads,
            results=self._results,
            opts=pulumi.ResourceOptions(parent=self, providers={"aws": provider, "kubernetes": cluster.provider}),
        )

    def _workflows(
        self,
        batch: Sequence[tuple[BatchWorker, BatchJobs]],
        by_job: Sequence[Worker],
        queues: Mapping[str, BatchQueue],
        after: Sequence[pulumi.Resource],
    ) -> None:
        """by_job: workers of tasks. after: what makes them."""
        site, runners = self._site, dict[str, Runner]()
        for known, jobs in batch:
            runners[known.name] = batch_runner(known, jobs, queues, site)
        for worker in by_job:
            resources = worker.manifest.resources
            runners[worker.name] = task_runner(
                worker.name, resources.timeout_seconds, worker.manifest.retry.attempts, site
            )
        for workflow in self._settings.workflows:
            StateMachine(
                site,
                WorkflowArgs(
                    workflow=workflow,
                    runners=runners,
                    roles=roles_of([worker.name for worker in by_job], site),
                    log_retention_days=self._settings.logs.retention_days,
                    after=[*after, *(jobs for _, jobs in batch)],
                ),
                network=self._network,
                cluster=self._cluster,
                uploads=self._uploads,
                results=self._results,
                alerts=self._alerts,
                opts=self._opts,
            )

    def _tasks_network(self, queues: Mapping[str, BatchQueue]) -> Network:
        """queues: of Batch jobs."""
        network, engine = self._settings.network, self._settings.engine
        more = ["bedrock-runtime"] if engine.kind == "bedrock" else []
        grants = [grant for worker in self._settings.workers for grant in worker.manifest.grants]
        if any(isinstance(grant, SecretGrant) for grant in grants) or any(w.secrets for w in self._settings.workers):
            more.append("secretsmanager")
        if any(queue.compute == "ec2" for queue in queues.values()):
            more += AGENT_ENDPOINTS
        cluster = self._settings.kubernetes.cluster
        if cluster and cluster.new and any(worker.manifest.trigger.kubernetes for worker in self._settings.workers):
            more += NODE_ENDPOINTS
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

    def _job_worker(self, worker: Worker, concurrency: int) -> JobWorker:
        manifest = worker.manifest
        return JobWorker(
            name=worker.name,
            description=manifest.description,
            input=manifest.input,
            concurrency=concurrency,
            timeout=manifest.resources.timeout_seconds,
            attempts=manifest.retry.attempts,
            backoff=manifest.retry.backoff_seconds,
            spot_share=worker.spot_share,
            task=self._task(worker),
        )

    def _scheduled_task(self, worker: Worker, trigger: ScheduleTrigger) -> ScheduledTask:
        return ScheduledTask(
            worker=self._job_worker(worker, MAX_RUNS if trigger.overlap == "allow" else 1),
            given=trigger.input,
            expression=trigger.expression,
            timezone=trigger.timezone,
            window=trigger.window_seconds,
            start=trigger.start,
            end=trigger.end,
            enabled=worker.enabled,
            overlap=trigger.overlap,
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

    def _batch_worker(self, worker: Worker, trigger: BatchTrigger) -> BatchWorker:
        resources = worker.manifest.resources
        tiers = [
            BatchTier(up_to=tier.up_to_bytes, vcpu=tier.vcpu, memory=tier.memory_mib, queue=tier.queue or trigger.queue)
            for tier in trigger.tiers
        ]
        only = BatchTier(up_to=None, vcpu=resources.vcpu, memory=resources.memory_mib, queue=trigger.queue)
        return BatchWorker(
            name=worker.name,
            queue=trigger.queue,
            tiers=tiers or [only],
            array=trigger.array,
            share=trigger.share or "".join(filter(str.isalnum, worker.name)),
            timeout=resources.timeout_seconds,
            attempts=worker.manifest.retry.attempts,
            task=self._task(worker),
        )

    def _kubernetes_worker(self, worker: Worker, trigger: KubernetesTrigger) -> KubernetesWorker:
        return KubernetesWorker(
            name=worker.name,
            trigger=trigger,
            timeout=worker.manifest.resources.timeout_seconds,
            suspended=trigger.suspend or not worker.enabled,
            task=self._task(worker),
        )

    def _task(self, worker: Worker) -> FargateTaskArgs:
        """The worker's container, whatever triggers it."""
        resources, engine = worker.manifest.resources, self._settings.engine
        image = self._image(worker)
        environment = {
            **worker.manifest.environment,
            "AWS_REGION": self._site.region,
            "VCPU": f"{resources.vcpu:g}",
            "MEMORY_GB": f"{resources.memory_mib / 1024:g}",
            "ARCHITECTURE": resources.architecture,
            "POWERTOOLS_SERVICE_NAME": worker.name,
            "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
        }
        secrets = dict(worker.secrets)
        if any(isinstance(grant, ModelGrant) for grant in worker.manifest.grants):
            known = {"kind": engine.kind, "model": engine.model, "endpoint": engine.endpoint}
            environment["ENGINE"] = json.dumps({key: value for key, value in known.items() if value}, sort_keys=True)
            secrets |= {"OPENAI_API_KEY": engine.secret_arn} if engine.secret_arn else {}
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
            after=image.after if image else [],
            shipped=is_shipped(worker, self._settings) and not worker.image,
        )

    def _image(self, worker: Worker) -> WorkerImage | None:
        """The worker's repository with the image that is named, or released, or else built; None for one elsewhere."""
        architecture = worker.manifest.resources.architecture
        released = is_shipped(worker, self._settings)
        if worker.image and not worker.image.startswith(f"{repository(self._site, worker.name)}@"):
            return None
        return WorkerImage(
            worker.name,
            self._site,
            self._project_dir,
            architecture=architecture,
            protect=self._settings.data.protect,
            uri=worker.image or (self._released.get((architecture, worker.name)) if released else None),
            released=released,
            opts=self._opts,
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
