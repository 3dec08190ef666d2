"""What the end of a job says in numbers, as a line in CloudWatch's embedded metric format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from batchjobs.worker import variables_of
from jobs.cost import fargate_usd


def measure(worker: str, queue: str, job: Mapping[str, Any], *, replaced: bool) -> None:
    """By worker, and by worker and queue. job: of DescribeJobs. replaced: another took its place, or may yet.

    JobsSucceeded, JobsFailed: of whole jobs, for good. JobsReplaced. Of jobs and parts of arrays that ran: QueueWait
    (seconds, if it waited for no other job), Duration (seconds of the last attempt), MemoryRequested, CostUsd (of all
    attempts).
    """
    array = job.get("arrayProperties", {})
    found = EphemeralMetrics(service="")
    found.add_dimension("worker", worker)
    found.add_dimensions(worker=worker, queue=queue)
    found.add_metadata("job_id", job["jobId"])
    told = False
    if "index" not in array:
        ended = {"SUCCEEDED": "JobsSucceeded", "FAILED": "JobsReplaced" if replaced else "JobsFailed"}
        found.add_metric(ended[job["status"]], MetricUnit.Count, 1)
        told = True
    ran = [one for one in job.get("attempts", []) if "startedAt" in one and "stoppedAt" in one]
    if "size" not in array and ran:
        if not job.get("dependsOn"):
            found.add_metric("QueueWait", MetricUnit.Seconds, _seconds(job["createdAt"], ran[0]["startedAt"]))
        found.add_metric("Duration", MetricUnit.Seconds, _seconds(ran[-1]["startedAt"], ran[-1]["stoppedAt"]))
        found.add_metric("MemoryRequested", MetricUnit.Megabytes, _needs(job, "MEMORY"))
        found.add_metric("CostUsd", MetricUnit.NoUnit, sum(_cost(job, queue, one) for one in ran))
        told = True
    if told:
        found.flush_metrics()


def _cost(job: Mapping[str, Any], queue: str, attempt: Mapping[str, Any]) -> float:
    """List price in US dollars. On EC2 the instance is paid, not the job; as much of Fargate costs a little more."""
    return fargate_usd(
        vcpu=_needs(job, "VCPU"),
        memory_gb=_needs(job, "MEMORY") / 1024,
        seconds=_seconds(attempt["startedAt"], attempt["stoppedAt"]),
        architecture=variables_of(job["container"]).get("ARCHITECTURE", "x86_64"),
        spot=_on_spot(job, queue, attempt),
    )


def _on_spot(job: Mapping[str, Any], queue: str, attempt: Mapping[str, Any]) -> bool:
    """By the name of the task's cluster, AWSBatch-<compute environment>-…, whatever the stack is called."""
    stack = job["jobQueue"].rsplit("/", 1)[-1].removesuffix(queue)
    return "-spot-" in attempt["container"].get("taskArn", "").partition(f"/AWSBatch-{stack}")[2]


def _needs(job: Mapping[str, Any], kind: str) -> float:
    return next(float(need["value"]) for need in job["container"]["resourceRequirements"] if need["type"] == kind)


def _seconds(start: int, end: int) -> float:
    """Between two instants in milliseconds."""
    return max(0.0, (end - start) / 1000)
