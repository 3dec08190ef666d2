"""Queue workers: uploads → EventBridge → enqueuer → queues → services that follow their backlog → results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.cluster import Cluster
from components.function import Function, FunctionArgs
from components.network import Network
from components.permissions import (
    Statement,
    events_send,
    measure_queues,
    read_objects,
    scale_services,
    send_messages,
    write_items,
    write_objects,
)
from components.queue import DeadLetterQueue
from components.queue_service import QueueService, QueueWorker
from components.rounds import Rounds
from components.site import Site
from components.storage import Bucket
from components.tables import IdempotencyTable

SCALING_KEYS = ("scaling#*",)  # what the scaling remembers of each worker, by its keys in the table
SCALER_TIMEOUT_SECONDS = 50
LOAD_TIMEOUT_SECONDS = 900  # the most that Lambda grants


@dataclass(frozen=True, kw_only=True)
class QueueWorkersArgs:
    """load_generator: whether there is a function that makes uploads for tests of load."""

    workers: Sequence[QueueWorker]
    load_generator: bool
    log_retention_days: int


class QueueWorkers(pulumi.ComponentResource):
    """Every queue worker of a stack, with what they share: the enqueuer, the scaler, a queue for the undelivered."""

    def __init__(
        self,
        name: str,
        site: Site,
        project_dir: Path,
        args: QueueWorkersArgs,
        *,
        network: Network,
        cluster: Cluster,
        idempotency: IdempotencyTable,
        uploads: Bucket,
        results: Bucket,
        alerts: Alerts,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """uploads: EventBridge hears of its objects."""
        names = [worker.name for worker in args.workers]
        super().__init__("serverless-batch:queue_worker:QueueWorkers", name, {"workers": names}, opts)
        for one, other in overlaps(args.workers):
            pulumi.warn(f"The workers {one.name} and {other.name} both take uploads like {_example(one, other)}.", self)
        self._site, self._project_dir, self._args = site, project_dir, args
        self._cluster, self._idempotency, self._uploads, self._alerts = cluster, idempotency, uploads, alerts
        self._child = pulumi.ResourceOptions(parent=self)
        self.services = [
            QueueService(
                worker,
                site,
                network=network,
                cluster=cluster,
                idempotency=idempotency,
                uploads=uploads,
                results=results,
                alerts=alerts,
                opts=self._child,
            )
            for worker in args.workers
        ]
        pairs = zip(args.workers, self.services, strict=True)
        self._catalogue = json.dumps(
            {worker.name: _catalogue_entry(worker, service, cluster) for worker, service in pairs}, sort_keys=True
        )
        self._rule_arn = site.arn("events", f"rule/{site.name('uploads')}")
        self._undelivered = DeadLetterQueue(
            "undelivered",
            site,
            senders=[events_send(site.arn("sqs", site.name("undelivered")), [self._rule_arn])],
            description="An upload did not become a message, or a round of the scaler failed: each message is the "
            "event. Mend the cause, then invoke the function with it again.",
            alerts=alerts,
            opts=self._child,
        )
        self._take_uploads()
        self._scale()
        if args.load_generator:
            self._generate_load()
        self.register_outputs({"services": [service.service_name for service in self.services]})

    def _take_uploads(self) -> None:
        queues = [service.queue.arn for service in self.services]
        enqueuer = self._function(
            "enqueuer",
            {"UPLOADS_BUCKET": self._uploads.bucket_name, "SCALING_TABLE": self._idempotency.table_name},
            [*send_messages(*queues), *self._scaling(read=False)],
            dead_letters=self._undelivered.arn,
        )
        # One rule for all: the enqueuer finds each upload's workers, and a rule for each would tell it twice of an
        # upload that two workers take. Suffixes are left to it, too: a rule takes prefix and suffix together only as
        # wildcards, and of those it refuses more than a few.
        pattern = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {
                "bucket": {"name": [self._uploads.bucket_name]},
                "object": {"key": [{"prefix": prefix} for prefix in outermost(w.prefix for w in self._args.workers)]},
            },
        }
        rule = aws.cloudwatch.EventRule(
            "uploads",
            name=self._site.name("uploads"),
            description="Uploads that queue workers may take",
            event_pattern=json.dumps(pattern, sort_keys=True),
            opts=self._child,
        )
        permission = aws.lambda_.Permission(
            "uploads",
            action="lambda:InvokeFunction",
            function=enqueuer.function.name,
            principal="events.amazonaws.com",
            source_arn=rule.arn,
            opts=self._child,
        )
        aws.cloudwatch.EventTarget(
            "uploads",
            rule=rule.name,
            target_id="enqueuer",
            arn=enqueuer.function_arn,
            dead_letter_config={"arn": self._undelivered.queue_arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )

    def _scale(self) -> None:
        scaler = self._function(
            "scaler",
            {"SCALING_TABLE": self._idempotency.table_name},
            self._scaling(read=True),
            timeout=SCALER_TIMEOUT_SECONDS,
            dead_letters=self._undelivered.arn,
        )
        Rounds(
            "scaler",
            self._site,
            scaler,
            minutes=1,
            description="Each minute: wake what has work, scale in what has drained",
            undelivered=self._undelivered,
            opts=self._child,
        )

    def _generate_load(self) -> None:
        self._function(
            "load_generator",
            {"UPLOADS_BUCKET": self._uploads.bucket_name},
            [
                *read_objects(self._uploads.arn),  # a sample to copy
                *[
                    statement
                    for worker in self._args.workers
                    for statement in write_objects(self._uploads.arn, f"{worker.prefix}load-")
                ],
            ],
            timeout=LOAD_TIMEOUT_SECONDS,
        )

    def _scaling(self, *, read: bool) -> list[Statement]:
        """See each queue's backlog, give its service tasks, remember when. read: also recall it."""
        return [
            *measure_queues(*(service.queue.arn for service in self.services)),
            *scale_services(
                self._site, self._cluster.cluster_name, [service.service_name for service in self.services]
            ),
            *write_items(self._idempotency.arn, read=read, keys=SCALING_KEYS),
        ]

    def _function(
        self,
        folder: str,
        environment: dict[str, pulumi.Input[str]],
        statements: Sequence[Statement],
        *,
        timeout: int = 30,
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
                packages=("scaling",),
                files={"catalogue.json": self._catalogue},
                dead_letters=dead_letters,
            ),
            self._alerts,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._undelivered]),
        )


def _catalogue_entry(worker: QueueWorker, service: QueueService, cluster: Cluster) -> dict[str, Any]:
    """What the functions know of a worker."""
    entry = {
        "queue_url": service.queue.url,
        "queue_name": service.queue.queue_name,
        "cluster": cluster.cluster_name,
        "service": service.service_name,
        "prefix": worker.prefix,
        "suffixes": list(worker.suffixes),
        "fifo": worker.fifo,
        "tenant": worker.tenant,
        "target": worker.target,
        "min": worker.min_tasks,
        "max": worker.max_tasks,
        "cooldown_in": worker.cooldown_in,
    }
    return {key: value for key, value in entry.items() if value is not None}


def outermost(prefixes: Iterator[str]) -> list[str]:
    """The prefixes that are within no other, in order: together they cover the same keys."""
    found: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not found or not prefix.startswith(found[-1]):
            found.append(prefix)
    return found


def overlaps(workers: Sequence[QueueWorker]) -> Iterator[tuple[QueueWorker, QueueWorker]]:
    """Pairs of workers that some upload would go to both of. It may be meant: two workers do two things with it."""
    for one, other in combinations(workers, 2):
        if _longer(one.prefix, other.prefix) is not None and _longer_suffix(one, other) is not None:
            yield one, other


def _example(one: QueueWorker, other: QueueWorker) -> str:
    return f"{_longer(one.prefix, other.prefix)}…{_longer_suffix(one, other)}"


def _longer(one: str, other: str) -> str | None:
    """The longer of two prefixes, if the shorter is the beginning of it."""
    long, short = sorted((one, other), key=len, reverse=True)
    return long if long.startswith(short) else None


def _longer_suffix(one: QueueWorker, other: QueueWorker) -> str | None:
    """A suffix that both take; empty if both take any."""
    for mine in one.suffixes or ("",):
        for theirs in other.suffixes or ("",):
            long, short = sorted((mine, theirs), key=len, reverse=True)
            if long.endswith(short):
                return long
    return None
