"""Up to when the watchman has looked at each worker: one item of the jobs table, `watched#<worker>`."""

from __future__ import annotations

import datetime as dt
from typing import Any

from watched_workers import Worker

# A worker that nobody has looked at for so long was not there: its runs were none of ours.
ABSENT = dt.timedelta(days=1)


class Memory:
    """table: of the DynamoDB resource. Errors of DynamoDB come through unchanged."""

    def __init__(self, table: Any):
        self._table = table

    def recall(self, worker: Worker, now: dt.datetime) -> dt.datetime | None:
        """Up to which instant its runs are settled; None for a schedule that is new, changed, or back."""
        item = self._table.get_item(Key=_key(worker), ConsistentRead=True).get("Item", {})
        if item.get("schedule") != worker.schedule:
            return None
        if now - dt.datetime.fromisoformat(item["looked"]) > ABSENT:
            return None
        return dt.datetime.fromisoformat(item["settled"])

    def remember(self, worker: Worker, settled: dt.datetime, now: dt.datetime) -> None:
        self._table.update_item(
            Key=_key(worker),
            UpdateExpression="SET schedule = :schedule, settled = :settled, looked = :looked",
            ExpressionAttributeValues={
                ":schedule": worker.schedule,
                ":settled": settled.isoformat(),
                ":looked": now.isoformat(),
            },
        )


def _key(worker: Worker) -> dict[str, str]:
    return {"job_id": f"watched#{worker.name}"}
