"""The jobs table, and the only code that writes to it.

Every change is one conditional write: it names the states it may start from and, once a task is involved, the
attempt it belongs to. A change that is not allowed raises `Conflict`, so two writers can never both succeed.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import boto3
from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from jobs.record import ALLOWED, TERMINAL, Job, Status, listing_key, now, seconds_between

LISTING_INDEX = "listing"


class Conflict(Exception):
    """The job is not in a state that allows the change. `job` is what the table holds, None if nothing."""

    def __init__(self, job_id: str, job: Job | None):
        super().__init__(f"job {job_id} is {job.status if job else 'unknown'}")
        self.job = job


@dataclass(frozen=True)
class Lock:
    """Which of a worker's jobs keeps others of it from running.

    Nobody gives a lock back: it is worth nothing once its job has ended. until: seconds of the epoch; no job holds it
    longer, so that one of which nothing is heard any more cannot hold it for ever.
    """

    job_id: str
    until: int


class JobStore:
    """Reads and changes jobs. `table`: the table's name; errors of DynamoDB itself come through unchanged."""

    def __init__(self, table: str, resource: Any = None):
        dynamodb: Any = resource or boto3.resource("dynamodb")
        self._table = dynamodb.Table(table)

    def get(self, job_id: str) -> Job | None:
        item = self._table.get_item(Key={"job_id": job_id}, ConsistentRead=True).get("Item")
        return Job.from_item(item) if item else None

    def create(self, job: Job) -> Job:
        """Insert a new job; `Conflict` if its id is taken."""
        try:
            self._table.put_item(Item=job.to_item(), ConditionExpression=Attr("job_id").not_exists())
        except ClientError as error:
            raise self._conflict(job.job_id, error) from error
        return job

    def discard(self, job_id: str) -> None:
        """Take back a job that could not be queued; `Conflict` once anything has happened to it."""
        condition = Attr("status").eq(Status.QUEUED) & Attr("attempt").eq(0)
        try:
            self._table.delete_item(Key={"job_id": job_id}, ConditionExpression=condition)
        except ClientError as error:
            raise self._conflict(job_id, error) from error

    def list(
        self, workers: Iterable[str], statuses: Iterable[Status], limit: int, before: str | None = None
    ) -> tuple[list[Job], str | None]:
        """Jobs of these workers in these states, newest first.

        before: the cursor of the page before this one. Returns the page and the next cursor, None at the end.
        """
        statuses = list(statuses)
        partitions = [self._partition(w, s, limit + 1, before) for w in workers for s in statuses]
        newest = list(heapq.merge(*partitions, key=lambda job: job.sort_key, reverse=True))
        page = newest[:limit]
        return page, page[-1].sort_key if len(newest) > limit else None

    def _partition(self, worker: str, status: Status, limit: int, before: str | None) -> list[Job]:
        condition = Key("listing").eq(listing_key(worker, status))
        if before:
            condition &= Key("sort_key").lt(before)
        found: list[Job] = []
        page: dict[str, Any] = {}
        while len(found) < limit:
            answer = self._table.query(
                IndexName=LISTING_INDEX, KeyConditionExpression=condition, ScanIndexForward=False,
                Limit=limit - len(found), **page,
            )  # fmt: skip
            found += [Job.from_item(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                break
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return found

    def launch(self, job: Job, receipt: str, *, lost: str | None = None) -> Job:
        """Begin the next attempt, for the message with this receipt handle. The job is QUEUED afterwards.

        lost: why the attempt before it ended without a word; counts as a failure.
        """
        changes = {"attempt": job.attempt + 1, "receipt": receipt, "dead_lettered": False}
        changes |= {"started_at": None, "task_arn": None, "capacity_provider": None}
        if lost:
            changes |= {"failures": job.failures + 1, "reason": lost}
        return self._change(job, Status.QUEUED, changes, {Status.QUEUED, Status.RUNNING})

    def claim(self, job_id: str, attempt: int, *, task_arn: str, capacity_provider: str) -> Job | None:
        """QUEUED → RUNNING by the task that runs it; None if another task has it or had it, or nobody may."""
        job = self.get(job_id)
        if job is None or job.attempt != attempt or job.status is not Status.QUEUED:
            return None
        changes = {"started_at": now(), "task_arn": task_arn, "capacity_provider": capacity_provider}
        try:
            return self._change(job, Status.RUNNING, changes)
        except Conflict:
            return None

    def release(self, job: Job, reason: str, *, failed: bool) -> Job:
        """RUNNING → QUEUED. failed: whether the attempt counts as a failure (a Spot reclaim does not)."""
        return self._change(job, Status.QUEUED, {"reason": reason, "failures": job.failures + failed})

    def succeed(
        self,
        job: Job,
        *,
        bucket: str,
        key: str,
        engine: str | None,
        cost_usd: float,
        peak_memory_mb: int,
        summary: str | None = None,
        document_key: str | None = None,
    ) -> Job:
        """RUNNING → SUCCEEDED, with where the result lies."""
        changes = {"result_bucket": bucket, "result_key": key, "engine": engine, "reason": None}
        changes |= {"summary": summary, "document_key": document_key}
        return self._change(job, Status.SUCCEEDED, changes | {"cost_usd": cost_usd, "peak_memory_mb": peak_memory_mb})

    def fail(
        self,
        job: Job,
        reason: str,
        *,
        cost_usd: float | None = None,
        peak_memory_mb: int | None = None,
        dead_lettered: bool = False,
    ) -> Job:
        """QUEUED | RUNNING → FAILED, for good. dead_lettered: whether the message went to the dead-letter queue."""
        ended_badly = job.status is Status.RUNNING  # a job that no task took has had no attempt
        changes = {"reason": reason, "dead_lettered": dead_lettered, "failures": job.failures + ended_badly}
        return self._change(job, Status.FAILED, changes | {"cost_usd": cost_usd, "peak_memory_mb": peak_memory_mb})

    def cancel(self, job_id: str, reason: str) -> Job:
        """QUEUED | RUNNING → CANCELLED. `Conflict` if it has ended before, or is unknown."""
        for _ in range(5):  # the state may change between read and write, a handful of times at the most
            job = self.get(job_id)
            if job is None or job.status in TERMINAL:
                raise Conflict(job_id, job)
            try:
                return self._change(job, Status.CANCELLED, {"reason": reason})
            except Conflict:
                continue
        raise Conflict(job_id, self.get(job_id))

    def reserve(self, job: Job, cap: int) -> bool:
        """Take one of the worker's `cap` places for this job; True if it has one, however often it asks."""
        places = Attr("places").not_exists() | Attr("places").size().lt(cap) | Attr("places").contains(job.job_id)
        try:
            self._table.update_item(
                Key=_places(job), UpdateExpression="ADD places :job", ConditionExpression=places,
                ExpressionAttributeValues={":job": {job.job_id}},
            )  # fmt: skip
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def vacate(self, job: Job) -> None:
        """Give the job's place back; harmless if it has none."""
        self._table.update_item(
            Key=_places(job), UpdateExpression="DELETE places :job", ExpressionAttributeValues={":job": {job.job_id}}
        )

    def lock(self, job: Job, until: int, *, over: str | None = None) -> Lock:
        """Take the lock of the job's worker for this job: the lock as it is afterwards, which may be another's.

        It is taken if nobody has it, if this job has it, or if it is that of the job with the id `over`.
        until: as in `Lock`.
        """
        key, free = {"job_id": f"lock#{job.worker}"}, Attr("holder").not_exists() | Attr("holder").eq(job.job_id)
        if over:
            free |= Attr("holder").eq(over)
        try:
            self._table.update_item(
                Key=key, UpdateExpression="SET holder = :job, held_until = :until", ConditionExpression=free,
                ExpressionAttributeValues={":job": job.job_id, ":until": until},
            )  # fmt: skip
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            item = self._table.get_item(Key=key, ConsistentRead=True)["Item"]
            return Lock(item["holder"], int(item["held_until"]))
        return Lock(job.job_id, until)

    def _change(self, job: Job, to: Status, changes: dict[str, Any], start: set[Status] | None = None) -> Job:
        start = start or {status for status in ALLOWED if to in ALLOWED[status]}
        changes = changes | {"status": to, "listing": listing_key(job.worker, to)}
        if to in TERMINAL:
            changes["completed_at"] = now()
            if job.started_at:
                changes["duration_seconds"] = seconds_between(job.started_at, changes["completed_at"])
        condition = Attr("status").is_in(sorted(start)) & Attr("attempt").eq(job.attempt)
        if "failures" in changes:  # a record that is older than the last failure must not take it back
            condition &= Attr("failures").eq(job.failures)
        if to is Status.RUNNING:
            # A released attempt is over, although its number is still the newest: a task of the same call that
            # starts late must not run it again before the launcher has begun the next attempt.
            condition &= Attr("task_arn").not_exists()
        return self._update(job.job_id, changes, condition)

    def _update(self, job_id: str, changes: dict[str, Any], condition: ConditionBase) -> Job:
        set_ = {name: value for name, value in changes.items() if value is not None}
        remove = [name for name, value in changes.items() if value is None]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in set_)
        if remove:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in remove)
        try:
            answer = self._table.update_item(
                Key={"job_id": job_id},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in changes},
                ExpressionAttributeValues={f":{name}": _number(value) for name, value in set_.items()},
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            raise self._conflict(job_id, error) from error
        return Job.from_item(answer["Attributes"])

    def _conflict(self, job_id: str, error: ClientError) -> Exception:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            return error
        return Conflict(job_id, self.get(job_id))


def _number(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value


def _places(job: Job) -> dict[str, str]:
    """Key of the item that counts the worker's tasks. It has no `listing`, so it is in no list of jobs."""
    return {"job_id": f"places#{job.worker}"}
