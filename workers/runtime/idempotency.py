"""Remembers which work has been done, so that no message repeats it: Powertools' idempotency records in DynamoDB.

A record belongs to whoever wrote its `in_progress_expiration`: each claim and each renewal writes one that nobody else
writes, so that an attempt which was overtaken can change nothing any more.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemAlreadyExistsError
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import STATUS_CONSTANTS, DataRecord
from botocore.exceptions import ClientError

# A message can wait 14 days in its queue and 14 more in the dead-letter queue before it is sent again.
REMEMBER_SECONDS = 30 * 24 * 3600

_IN_PROGRESS, _COMPLETED = STATUS_CONSTANTS["INPROGRESS"], STATUS_CONSTANTS["COMPLETED"]
_OURS = "#status = :in_progress AND in_progress_expiration = :mine"


@dataclass(frozen=True)
class Claim:
    """The right to do some work until it expires. expires: in ms since 1970, with a random fraction."""

    key: str
    expires: Decimal


@dataclass(frozen=True)
class Done:
    """The work has been done before."""


@dataclass(frozen=True)
class Busy:
    """Another message's run does the work now, or its task was lost. seconds: until its claim expires."""

    seconds: float


class Overtaken(Exception):
    """The claim had expired and another has it now: what this attempt has done counts for nothing."""


class Ledger(DynamoDBPersistenceLayer):
    """The records of one worker. A claim holds for lease_seconds after it was made or renewed.

    The times compared are of the tasks' wall clocks: since a claim in use is renewed when a third of its lease is
    over, these may differ by two thirds of it.
    """

    def __init__(self, table: str, worker: str, lease_seconds: float, client: Any):
        super().__init__(table_name=table, boto3_client=client)
        self._dynamodb = client
        self.configure(
            IdempotencyConfig(hash_function="sha256", expires_after_seconds=REMEMBER_SECONDS), key_prefix=worker
        )
        self._lease_ms = int(lease_seconds * 1000)

    def claim(self, id: str) -> Claim | Done | Busy:
        key = self._get_hashed_idempotency_key(id)  # type: ignore[arg-type]  # it takes whatever JSON can hold
        assert key
        expires = self._expires()
        record = DataRecord(
            idempotency_key=key,
            status=_IN_PROGRESS,
            expiry_timestamp=self._get_expiry_timestamp(),
            in_progress_expiry_timestamp=expires,  # type: ignore[arg-type]  # any number: it is written as text
        )
        try:
            self._put_record(record)
        except IdempotencyItemAlreadyExistsError as error:
            found = error.old_data_record
            assert found
            if found.status == _COMPLETED:
                return Done()
            if found.in_progress_expiry_timestamp != expires:
                return Busy(max(0.0, float(found.in_progress_expiry_timestamp or 0) / 1000 - time.time()))
            # Ours: the answer to the first try was lost, and botocore has tried again.
        return Claim(key, expires)

    def renew(self, claim: Claim) -> Claim:
        """`Overtaken`"""
        expires = max(self._expires(), claim.expires + 1)
        self._change(
            claim,
            "SET in_progress_expiration = :expires",
            {":expires": {"N": str(expires)}},
            after={"in_progress_expiration": {"N": str(expires)}},
        )
        return Claim(claim.key, expires)

    def complete(self, claim: Claim, result: dict[str, Any]) -> None:
        """The work is done; result: kept with the record. `Overtaken`"""
        self._change(
            claim,
            "SET #status = :completed, #data = :data, expiration = :expiration",
            {
                ":completed": {"S": _COMPLETED},
                ":data": {"S": json.dumps(result)},
                ":expiration": {"N": str(self._get_expiry_timestamp())},
            },
            names={"#data": self.data_attr},
            after={"status": {"S": _COMPLETED}, "in_progress_expiration": {"N": str(claim.expires)}},
        )

    def release(self, claim: Claim) -> None:
        """The work has not been done, and may begin anew at once. Nothing happens if another has the claim now."""
        try:
            self._dynamodb.delete_item(
                TableName=self.table_name,
                Key=self._get_key(claim.key),
                ConditionExpression=_OURS,
                ExpressionAttributeNames={"#status": self.status_attr},
                ExpressionAttributeValues=_mine(claim),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def _change(
        self,
        claim: Claim,
        update: str,
        values: dict[str, Any],
        *,
        after: dict[str, Any],
        names: dict[str, str] | None = None,
    ) -> None:
        """after: attributes that the record has after this change and no other."""
        try:
            self._dynamodb.update_item(
                TableName=self.table_name,
                Key=self._get_key(claim.key),
                UpdateExpression=update,
                ConditionExpression=_OURS,
                ExpressionAttributeNames={"#status": self.status_attr} | (names or {}),
                ExpressionAttributeValues=_mine(claim) | values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            found = error.response.get("Item", {})  # type: ignore[typeddict-item]
            if not after.items() <= found.items():
                raise Overtaken(claim.key) from error
            # The change was made by a first try whose answer was lost.

    def _expires(self) -> Decimal:
        """Two tasks that claim in the same millisecond must not both find a record that looks like theirs."""
        return int(time.time() * 1000) + self._lease_ms + Decimal(secrets.randbelow(10**12)) / 10**12


def _mine(claim: Claim) -> dict[str, Any]:
    return {":in_progress": {"S": _IN_PROGRESS}, ":mine": {"N": str(claim.expires)}}
