"""What scaling remembers of each worker: one item of a table, `scaling#<worker>`, changed by conditional writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from scaling.catalogue import QueueWorker

WAKE_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """Instants are seconds of the epoch, None if it is not so.

    empty_since: the queue was found empty and nothing was sent since. stalled_since: no task has been running
    although messages wait. on_demand_since: Spot had no capacity; declared_strategy: what to go back to.
    groups: how many message groups were sent to since the service was last scaled in.
    """

    empty_since: float | None = None
    stalled_since: float | None = None
    on_demand_since: float | None = None
    declared_strategy: Sequence[dict[str, Any]] = ()
    groups: int = 0


class Memory:
    """client: the client of a DynamoDB resource, which takes Python's types and, unlike the resource, any thread.
    table: a table's name; its key is `id`. Errors of DynamoDB come through unchanged.
    """

    def __init__(self, client: Any, table: str):
        self._client, self._table = client, table

    def recall(self, worker: QueueWorker) -> Remembered:
        answer = self._client.get_item(TableName=self._table, Key=_key(worker), ConsistentRead=True)
        item = answer.get("Item", {})
        instants = ("empty_since", "stalled_since", "on_demand_since")
        return Remembered(
            **{name: float(item[name]) for name in instants if name in item},
            declared_strategy=json.loads(item.get("declared_strategy", "[]")),
            groups=len(item.get("message_groups", ())),
        )

    def may_wake(self, worker: QueueWorker, wanted: int, now: float) -> bool:
        """Whether this caller is the one to wake the service; whoever asks, the queue is empty no longer.

        One in WAKE_SECONDS, or one that wants at least twice as many tasks as the last, or the most there may be: a
        burst whose first message asked for one task need not wait for the next minute, and costs a handful of calls.
        """
        much_less = wanted - 1 if wanted == worker.bounds.maximum else wanted // 2
        item = self._update(
            worker,
            "SET last_wake = :now, wanted = :wanted REMOVE empty_since",
            "attribute_not_exists(last_wake) OR last_wake <= :before OR wanted <= :much_less",
            now=int(now),
            before=int(now) - WAKE_SECONDS,
            wanted=wanted,
            much_less=much_less,
        )
        return item is not None

    def add_groups(self, worker: QueueWorker, groups: Collection[str]) -> int | None:
        """Remember that messages go to these groups: how many groups that makes, None if as many as it has tasks."""
        item = self._update(
            worker,
            "ADD message_groups :groups REMOVE empty_since",
            "attribute_not_exists(message_groups) OR size(message_groups) < :enough",
            groups={hashlib.sha256(group.encode()).hexdigest()[:16] for group in groups},
            enough=worker.bounds.maximum,
        )
        return len(item["message_groups"]) if item else None

    def queue_is_empty(self, worker: QueueWorker, now: float) -> None:
        """Begin to count how long; a count that has begun goes on."""
        self._update(worker, "SET empty_since = :now", "attribute_not_exists(empty_since)", now=int(now))

    def queue_is_used(self, worker: QueueWorker) -> None:
        self._update(worker, "REMOVE empty_since", "attribute_exists(empty_since)")

    def may_scale_in(self, worker: QueueWorker, empty_since: float) -> bool:
        """Whether nothing was sent since the queue was found empty; if so, its groups are forgotten."""
        return self._update(worker, "REMOVE message_groups", "empty_since = :since", since=int(empty_since)) is not None

    def service_stalls(self, worker: QueueWorker, now: float) -> None:
        """Begin to count how long; a count that has begun goes on."""
        self._update(worker, "SET stalled_since = :now", "attribute_not_exists(stalled_since)", now=int(now))

    def service_runs(self, worker: QueueWorker) -> None:
        self._update(worker, "REMOVE stalled_since", "attribute_exists(stalled_since)")

    def goes_on_demand(self, worker: QueueWorker, declared: Sequence[dict[str, Any]], now: float) -> bool:
        """Keep the declared strategy for later; False if it is kept already."""
        item = self._update(
            worker,
            "SET on_demand_since = :now, declared_strategy = :declared REMOVE stalled_since",
            "attribute_not_exists(on_demand_since)",
            now=int(now),
            declared=json.dumps(list(declared)),
        )
        return item is not None

    def is_as_declared(self, worker: QueueWorker) -> None:
        self._update(worker, "REMOVE on_demand_since, declared_strategy", "attribute_exists(on_demand_since)")

    def _update(self, worker: QueueWorker, expression: str, condition: str, **values: Any) -> dict[str, Any] | None:
        """The item as it is now; None if the condition did not hold."""
        named = {f":{name}": value for name, value in values.items()}
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(worker),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ReturnValues="ALL_NEW",
                **({"ExpressionAttributeValues": named} if named else {}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return None
        return answer["Attributes"]


def _key(worker: QueueWorker) -> dict[str, str]:
    return {"id": f"scaling#{worker.name}"}
