"""Counts how often a message has really failed, in the idempotency table.

Receives say nothing of that: a message is also received again when its task was reclaimed.
"""

from __future__ import annotations

import time
from typing import Any

from workers.runtime.idempotency import REMEMBER_SECONDS


class FailureCount:
    """The items `failures#<worker>#<id>` of one worker."""

    def __init__(self, table: str, worker: str, client: Any):
        self._table = table
        self._worker = worker
        self._client = client

    def add(self, id: str, run: str) -> int:
        """The run, named so that a repeated call counts once, has failed. Returns how many there are now."""
        answer = self._client.update_item(
            TableName=self._table,
            Key=self._key(id),
            UpdateExpression="ADD runs :run SET expiration = :expiration",
            ExpressionAttributeValues={
                ":run": {"SS": [run]},
                ":expiration": {"N": str(int(time.time()) + REMEMBER_SECONDS)},
            },
            ReturnValues="ALL_NEW",
        )
        return len(answer["Attributes"]["runs"]["SS"])

    def forget(self, id: str) -> None:
        """When the same work is asked for again it has all its attempts."""
        self._client.delete_item(TableName=self._table, Key=self._key(id))

    def _key(self, id: str) -> dict[str, Any]:
        return {"id": {"S": f"failures#{self._worker}#{id}"}}
