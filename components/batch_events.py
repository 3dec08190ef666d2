"""What becomes of Batch jobs: changes of their state → queue → function → metrics, the next tier, notices; alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.batch_jobs import BatchJobs, BatchWorker
from components.batch_queues import BatchQueues
from components.batch_settings import BatchAlarms
from components.event_rule import event_rule
from components.function import FROM_QUEUE, Function, FunctionArgs
from components.metric import Metric
from components.permissions import events_send, publish, see_jobs, submit_jobs, take_messages, write_items
from components.queue import DeadLetterQueue, Queue
from components.site import Site
from components.tables import IdempotencyTable

FUNCTION = "batch_events"
FUNCTION_TIMEOUT_SECONDS = 60
MAX_RECEIVES = 5
# What the function remembers, by its keys in the table: submissions, and what replaced a job.
KEYS = ("batch#*", "batch-next#*")
ENDED, BLOCKED = "batch-jobs", "batch-blocked"
BLOCKED_TEXT = "The Batch queue <queue> is blocked: its first job <job> (<id>) cannot start. <reason>"
FEW_JOBS = 20  # fewer in an hour say nothing of a rate; a single failure is told anyway


@dataclass(frozen=True, kw_only=True)
class BatchEventsArgs:
    """alarms: when somebody hears."""

    workers: Sequence[tuple[BatchWorker, BatchJobs]]
    alarms: BatchAlarms
    log_retention_days: int


class BatchEvents(pulumi.ComponentResource):
    """The rule, its queue, the function, and the alarms on what the function and the jobs tell."""

    def __init__(
        self,
        name: str,
        site: Site,
        project_dir: Path,
        args: BatchEventsArgs,
        *,
        batch: BatchQueues,
        idempotency: IdempotencyTable,
        alerts: Alerts,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """alerts: lets the rule `blocked_rule_arn` publish."""
        names = [worker.name for worker, _ in args.workers]
        super().__init__("serverless-batch:batch_events:BatchEvents", name, {"workers": names}, opts)
        self._site, self._project_dir, self._args, self._alerts = site, project_dir, args, alerts
        self._batch, self._idempotency = batch, idempotency
        self._child = pulumi.ResourceOptions(parent=self)
        queue = self._queue()
        self._function(queue)
        self._rules(queue)
        for worker, _ in args.workers:
            self._watch(worker)
        self.register_outputs({"workers": names})

    def _queue(self) -> Queue:
        arn = self._site.arn("sqs", self._site.name("batch-events"))
        return Queue(
            "batch-events",
            self._site,
            fifo=False,
            visibility_seconds=6 * FUNCTION_TIMEOUT_SECONDS,
            max_receives=MAX_RECEIVES,
            senders=[events_send(arn, [_rule_arn(self._site, ENDED)])],
            alerts=self._alerts,
            opts=self._child,
        )

    def _rules(self, queue: Queue) -> None:
        site, rules = self._site, [_rule_arn(self._site, name) for name in (ENDED, BLOCKED)]
        self._undelivered = DeadLetterQueue(
            "batch-undelivered",
            site,
            senders=[events_send(site.arn("sqs", site.name("batch-undelivered")), rules)],
            description="The end of a Batch job did not reach its queue, or a blocked queue was not told of: each "
            f"message is the event. Mend the cause, then send the ends to {queue.queue_name}.",
            alerts=self._alerts,
            opts=self._child,
        )
        queues = [site.arn("batch", f"job-queue/{name}") for name in self._batch.names.values()]
        ended = {
            "source": ["aws.batch"],
            "detail-type": ["Batch Job State Change"],
            "detail": {"jobQueue": queues, "status": ["SUCCEEDED", "FAILED"]},
        }
        # Of a job that never starts, no end tells.
        blocked = {
            "source": ["aws.batch"],
            "detail-type": ["Batch Job Queue Blocked"],
            "detail": {"jobQueue": queues},
        }
        paths = {"queue": "jobQueue", "job": "jobName", "id": "jobId", "reason": "statusReason"}
        self._rule(ENDED, "Batch jobs that have ended", ended, arn=queue.queue_arn)
        self._rule(
            BLOCKED,
            "A Batch queue whose first job cannot start",
            blocked,
            arn=self._alerts.topic_arn,
            input_transformer={
                "input_paths": {name: f"$.detail.{path}" for name, path in paths.items()},
                "input_template": json.dumps(BLOCKED_TEXT),
            },
        )

    def _rule(self, name: str, description: str, pattern: Mapping[str, Any], **target: Any) -> None:
        event_rule(name, self._site, description, pattern, self._undelivered, self._child, **target)

    def _function(self, queue: Queue) -> None:
        definitions = {name for _, jobs in self._args.workers for name in jobs.definitions.values()}
        function = Function(
            FUNCTION,
            self._site,
            self._project_dir,
            FunctionArgs(
                folder=FUNCTION,
                environment={"IDEMPOTENCY_TABLE": self._idempotency.table_name, "TOPIC_ARN": self._alerts.arn},
                statements=[
                    *take_messages(queue.arn),
                    *submit_jobs(self._site, sorted(definitions), sorted(self._batch.names.values())),
                    *see_jobs(),
                    *write_items(self._idempotency.arn, create=True, delete=True, keys=KEYS),
                    *publish(self._alerts.arn),
                ],
                timeout=FUNCTION_TIMEOUT_SECONDS,
                log_retention_days=self._args.log_retention_days,
                packages=("batchjobs", "jobs"),
            ),
            self._alerts,
            opts=self._child,
        )
        aws.lambda_.EventSourceMapping(
            FUNCTION,
            event_source_arn=queue.queue_arn,
            function_name=function.function_arn,
            batch_size=10,
            scaling_config=FROM_QUEUE,
            function_response_types=["ReportBatchItemFailures"],
            opts=self._child,
        )

    def _watch(self, worker: BatchWorker) -> None:
        name, alarms, site = worker.name, self._args.alarms, self._site
        mine = {"worker": name}
        self._alerts.when_more_than(
            0,
            f"{name}-failed",
            namespace=site.project,
            metric="JobsFailed",
            dimensions=mine,
            description=f"A Batch job of {name} failed for good. The notice before this one says which, and why.",
            parent=self,
        )
        ended = {
            f"m_{key}": Metric(site.project, metric, mine, "Sum")
            for key, metric in (("failed", "JobsFailed"), ("succeeded", "JobsSucceeded"))
        }
        failed, jobs = "FILL(m_failed, 0)", "(FILL(m_failed, 0) + FILL(m_succeeded, 0))"
        tolerated = f"{1 - alarms.success_rate:.4g}"
        self._alerts.when_true(
            f"IF(({jobs} >= {FEW_JOBS}) AND ({failed} > {tolerated} * {jobs}), 1, 0)",
            f"{name}-success-rate",
            metrics=ended,
            period=3600,
            description=f"Of the Batch jobs of {name} in the last hour, fewer than {alarms.success_rate:.4g} "
            "of all succeeded.",
            parent=self,
        )
        limit = alarms.duration_share * worker.timeout
        self._watch_each(
            limit,
            f"{name}-duration",
            "Duration",
            f"A Batch job of {name} took more than {limit:.0f} of the {worker.timeout} seconds that it may. Raise its "
            "timeout, or split the work by an array, before one fails.",
            mine,
        )
        self._watch_each(
            100 * alarms.memory_share,
            f"{name}-memory",
            "MemoryUsed",
            f"A Batch job of {name} used more than {100 * alarms.memory_share:.4g} % of its memory. Its tier is too "
            "small for such inputs; a job that is killed for memory runs again, one tier up.",
            {"service": name, **mine},
        )
        self._watch_each(
            alarms.cost_per_job,
            f"{name}-cost",
            "CostUsd",
            f"A Batch job of {name} cost more than ${alarms.cost_per_job:.4g} at list prices.",
            mine,
        )
        self._watch_each(
            alarms.queue_wait_seconds,
            f"{name}-queue-wait",
            "QueueWait",
            f"Every Batch job of {name} that ended within five minutes had waited for more than "
            f"{alarms.queue_wait_seconds} seconds: its queue's environments are full (maxVcpus), or there was no "
            "capacity.",
            mine,
            statistic="Minimum",  # one that waits its turn in its share, or in a long array, is as it should be
        )

    def _watch_each(
        self,
        limit: float,
        name: str,
        metric: str,
        description: str,
        dimensions: Mapping[str, str],
        statistic: str = "Maximum",
    ) -> None:
        """An alarm on what the jobs of five minutes tell, each of itself."""
        self._alerts.when_more_than(
            limit,
            name,
            namespace=self._site.project,
            metric=metric,
            dimensions=dimensions,
            statistic=statistic,
            period=300,
            description=description,
            parent=self,
        )


def blocked_rule_arn(site: Site) -> str:
    """Of the rule that speaks on the topic of alarms."""
    return _rule_arn(site, BLOCKED)


def _rule_arn(site: Site, rule: str) -> str:
    return site.arn("events", f"rule/{site.name(rule)}")
