"""The starter with its queues, the watchman with its clock."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from components.zones import zone_files
from jobs import Job, JobStore
from tests.functions.function_support import CONTEXT, REGION, load_function, table

SCHEMA = {
    "type": "object",
    "required": ["prefix", "scheduled_at"],
    "additionalProperties": False,
    "properties": {"prefix": {"type": "string"}, "day": {"type": "string"}, "scheduled_at": {"type": "string"}},
}


def entry(name: str, overlap: str) -> dict[str, Any]:
    return {
        "queue_url": f"https://sqs.{REGION}.amazonaws.com/123456789012/{name}.fifo",
        "input": SCHEMA,
        "given": {"prefix": "orders/"},
        "overlap": overlap,
        "max_attempts": 3,
        "timeout_seconds": 300,
        "backoff_seconds": 10,
    }


CATALOGUE = {"report": entry("report", "forbid"), "sync": entry("sync", "replace"), "poll": entry("poll", "allow")}


class Ecs:
    """Notes which tasks are stopped. fails: instead."""

    def __init__(self) -> None:
        self.stopped: list[dict[str, str]] = []
        self.fails = False

    def stop_task(self, **request: str) -> None:
        if self.fails:
            raise EndpointConnectionError(endpoint_url="https://ecs")
        self.stopped.append(request)


class FailingOnce:
    """A client whose next `method` fails: before it reaches AWS or, if it is late, after."""

    def __init__(self, client: Any, method: str, *, late: bool = False):
        self._client, self._method, self._late = client, method, late
        self._fails = True

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if name != self._method or not self._fails:
            return real

        def call(**arguments: Any) -> Any:
            self._fails = False
            if self._late:
                real(**arguments)
            raise EndpointConnectionError(endpoint_url="https://aws")

        return call


class Starter:
    """The function, with a queue for each worker."""

    def __init__(self, folder: Path):
        environment = {"CLUSTER": "tasks", "JOB_TTL_DAYS": "14"}
        self.module: Any = load_function("starter", folder, {"catalogue.json": CATALOGUE}, **environment)

    def begin(self, store: JobStore, sqs: Any, patch: pytest.MonkeyPatch) -> None:
        self.store, self.sqs, self.ecs, self._patch = store, sqs, Ecs(), patch
        self.use(ecs=self.ecs)
        for worker in CATALOGUE:
            sqs.create_queue(QueueName=f"{worker}.fifo", Attributes={"FifoQueue": "true"})

    def use(self, **things: Any) -> None:
        """Put something in the place of what the function works with."""
        for name, value in things.items():
            self._patch.setattr(self.module, name, value)

    def fire(self, worker: str, hour: int = 6, **more: Any) -> dict[str, str]:
        """What the schedule does at an hour of a day."""
        event = {"worker": worker, "scheduled": f"2026-11-21T{hour:02}:00:00Z", "execution": "d32c5kddcf5bb8c3"}
        return self.module.handler(event | more, CONTEXT)

    def job(self, worker: str, hour: int = 6) -> Job:
        job = self.store.get(f"{worker}-20261121T{hour:02}0000Z")
        assert job
        return job

    def run(self, worker: str, hour: int = 6) -> Job:
        """Fire, and let a task take the job."""
        self.fire(worker, hour)
        job = self.store.launch(self.job(worker, hour), "receipt")
        assert self.store.reserve(job, 1)
        claimed = self.store.claim(job.job_id, 1, task_arn=f"task/{hour}", capacity_provider="FARGATE")
        assert claimed
        return claimed

    def end(self, job: Job) -> Job:
        self.store.vacate(job)
        return self.store.succeed(job, bucket="b", key="k", engine=None, cost_usd=0.0, peak_memory_mb=1)

    def messages(self, worker: str) -> list[str]:
        """Ids of the jobs that have a message; it stays in the queue, hidden from the next look."""
        answer = self.sqs.receive_message(QueueUrl=CATALOGUE[worker]["queue_url"], MaxNumberOfMessages=10)
        return [json.loads(message["Body"])["job_id"] for message in answer.get("Messages", [])]

    def lock(self, worker: str) -> str:
        """The job that has the worker's lock."""
        return table("jobs").get_item(Key={"job_id": f"lock#{worker}"})["Item"]["holder"]

    def expire_lock(self, worker: str) -> None:
        """As if its holder's time had passed."""
        table("jobs").update_item(
            Key={"job_id": f"lock#{worker}"},
            UpdateExpression="SET held_until = :past",
            ExpressionAttributeValues={":past": 1},
        )

    def places(self, worker: str) -> set[str]:
        item = table("jobs").get_item(Key={"job_id": f"places#{worker}"}).get("Item", {})
        return set(item.get("places", ()))


def watched(expression: str, timezone: str = "UTC", **more: Any) -> dict[str, Any]:
    """An entry of the watchman's catalogue."""
    entry = {"expression": expression, "timezone": timezone, "window_seconds": 0, "start": None, "end": None}
    return entry | {"enabled": True} | more


class Watchman:
    """The function, at a time that the test says, with a topic that somebody reads."""

    def __init__(self, folder: Path, store: JobStore, patch: pytest.MonkeyPatch):
        self._folder, self.store, self._patch = folder, store, patch
        self.sns = Topic()

    def deploy(self, **workers: dict[str, Any]) -> None:
        """With these workers, from here on."""
        zones = zone_files(entry["timezone"] for entry in workers.values())
        files = {"catalogue.json": workers, "zones.json": zones}
        self.module: Any = load_function("watchman", self._folder, files, TOPIC_ARN="arn:alerts")
        self._patch.setattr(self.module, "sns", self.sns)

    def look(self, at: str) -> list[str]:
        """A round at a time of 2026-11-21, or of another day if it is given: subjects of what was told."""
        instant = dt.datetime.fromisoformat(at if "T" in at else f"2026-11-21T{at}Z")
        before = len(self.sns.messages)
        self._patch.setattr(self.module, "time", SimpleNamespace(time=instant.timestamp))
        self.module.handler({}, CONTEXT)
        return [message["Subject"] for message in self.sns.messages[before:]]

    def starts(self, worker: str, at: str, suffix: str = "") -> None:
        """A run was started: its job is there."""
        self.store.create(Job(job_id=f"{worker}-20261121T{at}Z{suffix}", worker=worker, input={}))


class Topic:
    """fails: takes nothing."""

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []
        self.fails = False

    def publish(self, **message: str) -> None:
        if self.fails:
            raise EndpointConnectionError(endpoint_url="https://sns")
        self.messages.append(message)
