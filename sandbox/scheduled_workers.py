"""The scheduled workers of a stack that is up."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from jobs import Job
from sandbox.cloud import Cloud
from sandbox.compute.functions import FunctionError
from sandbox.compute.scheduler import Schedule
from sandbox.containers import environment


class NotStarted(Exception):
    """The starter made no job. The text says why."""


@dataclass(frozen=True)
class ScheduledWorker:
    """cloud: in which it runs. schedule: that starts it."""

    name: str
    cloud: Cloud
    schedule: Schedule

    def start(self, at: dt.datetime | None) -> str:
        """Let it be due; the id of the job. Also a schedule that is switched off can be tried. Raises NotStarted.

        at: for which instant, by the clock of its zone if it names none; now if it is None.
        """
        if at is None:
            at = dt.datetime.fromtimestamp(self.cloud.compute.clock.now(), dt.UTC)
        elif at.tzinfo is None:
            at = at.replace(tzinfo=self.schedule.timetable.zone)
        try:
            answer = self.cloud.compute.functions.invoke(self.schedule.function, self.schedule.event(at))
        except FunctionError as error:
            raise NotStarted(f"The starter failed: {error}") from error
        if "job_id" not in answer:
            raise NotStarted(f"The starter refused: {answer.get('refused', answer)}")
        return answer["job_id"]

    def uploads(self) -> str:
        """The bucket of its uploads."""
        for family in self.cloud.client("ecs").list_task_definition_families()["families"]:
            declared = environment(self.cloud, family)
            if declared.get("WORKER") == self.name:
                return declared["UPLOADS_BUCKET"]
        raise LookupError(f"no task definition of {self.name}")

    def outcome(self, job_id: str) -> dict[str, Any]:
        """The job as it is now and, once it has succeeded, its result as JSON text and the objects it has written."""
        table = self.cloud.compute.functions.environment(self.schedule.function)["JOBS_TABLE"]
        found = self.cloud.client("dynamodb").get_item(
            TableName=table, Key={"job_id": {"S": job_id}}, ConsistentRead=True
        )
        reader = TypeDeserializer()
        job = Job.from_item({name: reader.deserialize(value) for name, value in found["Item"].items()})
        told = {
            "status": job.status,
            "reason": job.reason,
            "seconds": job.duration_seconds,
            "cost_usd": job.cost_usd,
            "capacity": job.capacity_provider,
        }
        return told | self._written(job)

    def _written(self, job: Job) -> dict[str, Any]:
        if not (job.result_bucket and job.result_key):
            return {"result": None, "objects": []}
        s3 = self.cloud.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=job.result_bucket, Prefix=f"{job.worker}/{job.job_id}/"
        )
        keys = [thing["Key"] for page in pages for thing in page.get("Contents", [])]
        result = s3.get_object(Bucket=job.result_bucket, Key=job.result_key)["Body"].read().decode()
        return {"result": result, "objects": [f"s3://{job.result_bucket}/{key}" for key in keys]}


def scheduled_workers(cloud: Cloud) -> dict[str, ScheduledWorker]:
    """By name."""
    schedules = cloud.compute.scheduler.of_workers()
    return {name: ScheduledWorker(name, cloud, schedule) for name, schedule in schedules.items()}
