"""Submits a job once, whoever asks for it how often and whatever breaks in between.

Batch's SubmitJob knows no token. A row is written before the job is submitted and completed afterwards. Who finds one
that was not completed in time looks for the job by its name, which follows from the row's id, before making another.
Rows have the keys of Powertools' idempotency table: `id`, and `expiration` in seconds of the epoch.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from batchjobs.errors import Refused

KEPT_SECONDS = 14 * 24 * 3600  # longer than Batch shows a job that has ended
LEASE_SECONDS = 30  # in which a submission takes place, if nothing breaks
TRIES = 5
_THROTTLED = ("ThrottlingException", "TooManyRequestsException", "Throttling", "RequestLimitExceeded")


def job_name(worker: str, row: str) -> str:
    """Of the job that a row stands for; Batch takes 128 characters."""
    return f"{worker}-{hashlib.sha256(row.encode()).hexdigest()[:16]}"


class Once:
    """table: of the DynamoDB resource. Errors of AWS come through unchanged."""

    def __init__(self, table: Any, now: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep):
        self._table, self._now, self._sleep = table, now, sleep

    def job(
        self, row: str, content: str, *, find: Callable[[], str | None], submit: Callable[[], str]
    ) -> tuple[str, bool]:
        """Id of the job of a row, and whether it had been submitted before.

        content: what is submitted; the same row cannot stand for another. `Refused` if it does.
        find: the job by its name, if there is one.
        """
        until, abandoned = self._begin(row, hashlib.sha256(content.encode()).hexdigest())
        if isinstance(until, str):
            return until, True
        found = find() if abandoned else None
        try:
            job_id = found or self.submit(submit, find)
        except ClientError:
            self._forget(row, until)  # it was refused, so there is nothing to find
            raise
        self._table.update_item(
            Key={"id": row},
            UpdateExpression="SET job_id = :job",
            ExpressionAttributeValues={":job": job_id},
        )
        return job_id, found is not None

    def known(self, row: str) -> str | None:
        """Id of the job of a row; None if there is none yet."""
        return self._get(row).get("job_id")

    def submit(self, submit: Callable[[], str], find: Callable[[], str | None]) -> str:
        """The job's id. submit: asks once. After an answer that was lost the job may be there, and is looked for."""
        for attempt in range(TRIES):
            try:
                return submit()
            except ClientError as error:
                answer = error.response
                throttled = answer["Error"]["Code"] in _THROTTLED
                lost = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500
                if attempt == TRIES - 1 or not (throttled or lost):
                    raise
            except BotoCoreError:
                lost = True
                if attempt == TRIES - 1:
                    raise
            self._sleep(2.0**attempt / 2)
            if lost and (found := find()):
                return found
        raise AssertionError("the last attempt returns or raises")

    def _begin(self, row: str, digest: str) -> tuple[int | str, bool]:
        """Until when the row is ours, or the id of its job; and whether somebody had begun and not come to an end."""
        while True:
            now = int(self._now())
            until = now + LEASE_SECONDS
            item = {"id": row, "digest": digest, "until": until, "expiration": now + KEPT_SECONDS}
            if self._write(
                self._table.put_item,
                Item=item,
                ConditionExpression="attribute_not_exists(id) OR expiration < :now",
                ExpressionAttributeValues={":now": now},
            ):
                return until, False
            there = self._get(row)
            if not there:
                continue
            if there["digest"] != digest:
                raise Refused("This key stands for another submission: choose another, or the same input and array.")
            if "job_id" in there:
                return there["job_id"], False
            if there["until"] > now:
                self._sleep(min(1.0, float(there["until"]) - now))
            elif self._write(
                self._table.update_item,
                Key={"id": row},
                UpdateExpression="SET #until = :until",
                ConditionExpression="#until = :before AND attribute_not_exists(job_id)",
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues={":until": until, ":before": there["until"]},
            ):
                return until, True

    def _forget(self, row: str, until: int) -> None:
        self._write(
            self._table.delete_item,
            Key={"id": row},
            ConditionExpression="#until = :until",
            ExpressionAttributeNames={"#until": "until"},
            ExpressionAttributeValues={":until": until},
        )

    def _get(self, row: str) -> dict[str, Any]:
        return self._table.get_item(Key={"id": row}, ConsistentRead=True).get("Item", {})

    @staticmethod
    def _write(change: Callable[..., Any], **request: Any) -> bool:
        """Whether its condition held."""
        try:
            change(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True
