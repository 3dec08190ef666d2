"""One queue worker: its queue, and an ECS service whose number of tasks follows the backlog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.cluster import Cluster, capacity
from components.metric import Metric
from components.network import Network
from components.permissions import consume_queue, protect_tasks, send_messages, write_items, write_objects
from components.queue import Queue
from components.site import Site
from components.storage import Bucket
from components.tables import IdempotencyTable
from components.task import STOP_TIMEOUT_SECONDS, FargateTask, FargateTaskArgs

MIN_RECEIVES = 10
MIN_FIFO_RECEIVES = 100
OLDEST_MESSAGE_SECONDS = 30 * 60
DEEP = 1000  # messages
MANY_ERRORS = 10


@dataclass(frozen=True, kw_only=True)
class QueueWorker:
    """
    A worker that serves a queue.

    prefix, suffixes, fifo, tenant: which uploads it takes, and in which order (`components.queue_trigger`).
    target: messages for each task. min_tasks, max_tasks: bounds of the number of tasks; cooldown_out, cooldown_in:
        seconds between two changes, upwards (of no use with fifo) and downwards.
    work: "cpu" or "io". concurrency: messages at a time in one task. effect: "once" or "repeatable".
    timeout: seconds for one message. attempts: how often one is tried; backoff: seconds before the second time.
    visibility: seconds for which a message that a task has received is hidden, unless the task extends it.
    spot_share: percent of its tasks on Spot, beyond the first `on_demand_base` ones.
    task: the container; the service adds what it takes to serve a queue.
    """

    name: str
    prefix: str
    suffixes: Sequence[str]
    fifo: bool
    tenant: int | None
    target: int
    min_tasks: int
    max_tasks: int
    cooldown_out: int
    cooldown_in: int
    work: str
    concurrency: int
    effect: str
    timeout: int
    attempts: int
    backoff: int
    visibility: int
    spot_share: int
    on_demand_base: int
    task: FargateTaskArgs


class QueueService(pulumi.ComponentResource):
    """A queue with the service that works on it, scaled by its backlog, and the alarms on both."""

    def __init__(
        self,
        worker: QueueWorker,
        site: Site,
        *,
        network: Network,
        cluster: Cluster,
        idempotency: IdempotencyTable,
        uploads: Bucket,
        results: Bucket,
        alerts: Alerts,
        opts: pulumi.ResourceOptions | None = None,
    ):
        self.service_name = site.name(worker.name)
        super().__init__(
            "serverless-batch:queue_service:QueueService",
            worker.name,
            {
                "serviceName": self.service_name,
                "minTasks": worker.min_tasks,
                "maxTasks": worker.max_tasks,
                "target": worker.target,
                "timeoutSeconds": worker.timeout,
                "spotShare": worker.spot_share,
            },
            opts,
        )
        self._worker, self._site, self._alerts = worker, site, alerts
        self._child = pulumi.ResourceOptions(parent=self)
        self.queue = Queue(
            worker.name,
            site,
            fifo=worker.fifo,
            visibility_seconds=worker.visibility,
            max_receives=max_receives(worker.attempts, fifo=worker.fifo),
            alerts=alerts,
            opts=self._child,
        )
        self.task = self._task(cluster, idempotency, uploads, results)
        self._service(network, cluster)
        if not worker.fifo:
            self._scaling(cluster)
        self._watch()
        self.register_outputs({"serviceName": self.service_name, "queueUrl": self.queue.url})

    def _task(self, cluster: Cluster, idempotency: IdempotencyTable, uploads: Bucket, results: Bucket) -> FargateTask:
        worker, queue, task = self._worker, self.queue, self._worker.task
        environment = {
            "MODE": "queue",
            "WORKER": worker.name,
            "QUEUE_URL": queue.url,
            "DLQ_URL": queue.dead_letter_url,
            "FIFO": "1" if worker.fifo else "0",
            "VISIBILITY_SECONDS": str(worker.visibility),
            "IDEMPOTENCY_TABLE": idempotency.table_name,
            "UPLOADS_BUCKET": uploads.bucket_name,
            "RESULTS_BUCKET": results.bucket_name,
            "WORK": worker.work,
            "CONCURRENCY": str(worker.concurrency),
            "EFFECT": worker.effect,
            "TIMEOUT_SECONDS": str(worker.timeout),
            "MAX_ATTEMPTS": str(worker.attempts),
            "BACKOFF_SECONDS": str(worker.backoff),
            "STOP_TIMEOUT_SECONDS": str(STOP_TIMEOUT_SECONDS),
        }
        remembering = write_items(
            idempotency.arn,
            read=False,
            delete=True,
            keys=[f"failures#{worker.name}#*"],  # how often a message failed
        )
        if worker.effect == "once":  # what has been done
            remembering += write_items(idempotency.arn, read=False, create=True, delete=True, keys=[f"{worker.name}#*"])
        serving = [
            *consume_queue(queue.arn),
            *send_messages(queue.arn, queue.dead_letter_arn),
            *remembering,
            *write_objects(results.arn, f"{worker.name}/"),
            *protect_tasks(self._site, cluster.cluster_name),
        ]
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

    def _service(self, network: Network, cluster: Cluster) -> None:
        worker = self._worker
        self.service = aws.ecs.Service(
            worker.name,
            name=self.service_name,
            cluster=cluster.id,
            task_definition=self.task.definition.arn,
            desired_count=worker.min_tasks,
            capacity_provider_strategies=[
                {"capacity_provider": share.provider, "weight": share.weight, "base": share.base}
                for share in capacity(worker.spot_share, worker.on_demand_base)
            ],
            # Without it, another Spot share would mean another service.
            force_new_deployment=True,
            network_configuration={
                "subnets": network.subnet_ids,
                "security_groups": [network.security_group_id],
                "assign_public_ip": network.assign_public_ip,
            },
            deployment_circuit_breaker={"enable": True, "rollback": True},
            # Workers gain nothing from an even spread, and moving one interrupts it.
            availability_zone_rebalancing="DISABLED",
            propagate_tags="SERVICE",
            enable_ecs_managed_tags=True,
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["desiredCount"],  # the wake path and the scaling have the say
                # Capacity providers must be the cluster's, and the way out must be there, before a task starts.
                depends_on=[cluster, network],
            ),
        )

    def _scaling(self, cluster: Cluster) -> None:
        """Target tracking between 1 and the maximum. Down to 0, and up from it, is the business of the scaler.

        Not of a FIFO queue: each message group is served by one task at a time, and no metric counts the groups, so
        that tracking a long queue of few groups would ask for tasks that stand idle. There the enqueuer and the
        scaler, which know the groups, add tasks (`scaling.decision`), and take them away when the queue has drained.
        """
        worker, tracked = self._worker, self._metrics("visible", "in_flight", "running")
        target = aws.appautoscaling.Target(
            worker.name,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=self.service.name.apply(lambda service: f"service/{cluster.cluster_name}/{service}"),
            min_capacity=max(worker.min_tasks, 1),
            max_capacity=worker.max_tasks,
            opts=self._child,
        )
        # A count that comes a minute late must not look like no task at all: the last one holds. With no task, or
        # none counted yet, the whole backlog is that of the one to come.
        tasks = {"id": "tasks", "expression": "FILL(FILL(m_running, REPEAT), 0)", "return_data": False}
        backlog = {
            "id": "backlog_per_task",
            "label": "Messages that wait or are worked on, for each task",
            "expression": "(m_visible + m_in_flight) / IF(tasks > 0, tasks, 1)",
            "return_data": True,
        }
        metrics: Any = [backlog, tasks, *(metric.tracked(key) for key, metric in sorted(tracked.items()))]
        aws.appautoscaling.Policy(
            worker.name,
            name=f"{self.service_name}-backlog",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "target_value": worker.target,
                "scale_out_cooldown": worker.cooldown_out,
                "scale_in_cooldown": worker.cooldown_in,
                "customized_metric_specification": {"metrics": metrics},
            },
            opts=self._child,
        )

    def _metrics(self, *names: str) -> dict[str, Metric]:
        """Metrics for an expression, under m_<name>."""
        of_queue = {"QueueName": self.queue.queue_name}
        # Without Container Insights ECS counts no tasks; the scaler does, each minute.
        of_tasks = {"Queue": self.queue.queue_name}
        known = {
            "visible": Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", of_queue),
            "in_flight": Metric("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", of_queue),
            "running": Metric(self._site.project, "RunningTasks", of_tasks),
            "desired": Metric(self._site.project, "DesiredTasks", of_tasks),
        }
        return {f"m_{name}": known[name] for name in names}

    def _watch(self) -> None:
        worker, alerts, queue = self._worker, self._alerts, self.queue.queue_name
        # The age counts while a message is worked on, too.
        oldest = max(OLDEST_MESSAGE_SECONDS, 2 * worker.timeout)
        alerts.when_more_than(
            oldest,
            f"{worker.name}-oldest-message",
            namespace="AWS/SQS",
            metric="ApproximateAgeOfOldestMessage",
            dimensions={"QueueName": queue},
            statistic="Maximum",
            description=f"A message of {queue} is older than {oldest // 60} minutes: it fails again and again, or "
            "there are too few tasks (max, target).",
            parent=self,
        )
        alerts.when_more_than(
            DEEP,
            f"{worker.name}-depth",
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": queue},
            statistic="Minimum",
            periods=10,
            description=f"More than {DEEP:,} messages have been waiting in {queue} for 10 minutes.",
            parent=self,
        )
        # A busy task outlives a scale-in, by as much as its message still takes.
        minutes = max(5, worker.timeout // 60)
        alerts.when_true(
            "ABS(m_desired - m_running)",
            f"{worker.name}-tasks",
            metrics=self._metrics("desired", "running"),
            periods=minutes,
            description=f"For {minutes} minutes the service {self.service_name} has not had the tasks that it should; "
            "its events say why: no capacity, no image, tasks that fail to start.",
            parent=self,
        )
        alerts.when_true(
            "IF((m_visible > 0) AND (FILL(m_running, 0) < 1), 1, 0)",
            f"{worker.name}-no-task",
            metrics=self._metrics("visible", "running"),
            period=300,
            periods=3,
            description=f"Messages have been waiting in {queue} for 15 minutes, and no task is running. Look at the "
            f"scaler's log and at the events of the service {self.service_name}.",
            parent=self,
        )
        alerts.when_more_than(
            MANY_ERRORS,
            f"{worker.name}-application-errors",
            namespace=self._site.project,
            metric="ApplicationErrors",
            dimensions={"service": worker.name, "worker": worker.name},
            period=300,
            description=f"The worker {worker.name} failed more than {MANY_ERRORS} times in 5 minutes; the log group of "
            "its tasks says why.",
            parent=self,
        )


def max_receives(attempts: int, *, fifo: bool = False) -> int:
    """After how many receives SQS itself takes a message away.

    A safety net: the runtime counts failures and moves a poison message. A receive may also end in a lost task, so
    there must be more of them than attempts; and in a FIFO queue many more, because there the runtime cannot replace a
    message by a fresh copy, whose receives are counted from 0, without losing its place.
    """
    return max(MIN_FIFO_RECEIVES if fifo else MIN_RECEIVES, 2 * attempts)
