"""Jobs of a stack's Batch workers: what the command and other programs do with them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from batchjobs.errors import Refused
from batchjobs.following import Following, Progress
from batchjobs.once import Once
from batchjobs.parts import part_of
from batchjobs.request import Request
from batchjobs.stack import Clients, Names
from batchjobs.submission import Submissions, Submitted
from batchjobs.successors import Successors
from batchjobs.worker import nearest, variables_of


@dataclass(frozen=True)
class Listed:
    """created_at: seconds of the epoch. parts: of an array, 0 for none."""

    job_id: str
    name: str
    queue: str
    status: str
    created_at: float
    parts: int
    reason: str


class Jobs:
    """Errors of AWS come through unchanged."""

    def __init__(
        self,
        clients: Clients,
        names: Names,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ):
        once = Once(clients.dynamodb.Table(names.table), now, sleep)
        self._clients, self._names = clients, names
        self._submissions = Submissions(clients, names, once)
        self._successors = Successors(clients, once)
        self._following = Following(clients, self._successors, now, sleep)

    def submit(self, worker: str, input: Mapping[str, Any], **more: Any) -> Submitted:
        """more: the other fields of a `Request`. `Refused`"""
        return self._submissions.submit(Request(worker=worker, input=input, **more))

    def submit_set(self, requests: Mapping[str, Request]) -> dict[str, Submitted]:
        """Several, of which some wait for others by their names. `Refused`, and then none has been submitted."""
        return self._submissions.submit_set(requests)

    def progress(self, job_id: str) -> Progress:
        """`Refused` if there is no such job."""
        return self._following.progress(job_id)

    def wait(
        self, job_id: str, told: Callable[[Progress], None] = lambda _: None, patience_seconds: float | None = None
    ) -> Progress:
        """Until it and what takes its place have ended, or patience has. told: whenever it is looked at."""
        return self._following.wait(job_id, told, patience_seconds)

    def upload(self, worker: str, path: Path) -> list[str]:
        """Put a file, or all below a folder, where the worker reads; the keys: its name, or the path below the folder.

        `Refused` if there is none, or no such worker.
        """
        bucket = self._submissions.worker(worker).uploads
        files = {path.name: path} if path.is_file() else {f.relative_to(path).as_posix(): f for f in _files(path)}
        if not files:
            raise Refused(f"{path} is no file, and no folder with files.")
        for key, file in files.items():
            self._clients.s3.upload_file(str(file), bucket, key)
        return list(files)

    def fetch(self, job_id: str, folder: Path) -> list[Path]:
        """Write what a job has written to files below a folder, by its keys; the files.

        `Refused` if there is no such job, or if it is not known where it writes.
        """
        results = self._following.progress(job_id).results
        if not results:
            raise Refused(f"The job {job_id} has not been submitted by key: where it writes is not known.")
        bucket, _, prefix = results.removeprefix("s3://").partition("/")
        pages = self._clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        fetched = []
        for key in (one["Key"] for page in pages for one in page.get("Contents", [])):
            file = folder / key.removeprefix(prefix)
            if not file.resolve().is_relative_to(folder.resolve()):
                raise Refused(f"s3://{bucket}/{key} would be written outside {folder}.")
            file.parent.mkdir(parents=True, exist_ok=True)
            self._clients.s3.download_file(bucket, key, str(file))
            fetched.append(file)
        return fetched

    def cancel(self, job_id: str, reason: str) -> list[str]:
        """End a job in whatever state it is, and what has taken its place; the jobs that had not ended. `Refused`"""
        ended = []
        for one in self._following.progress(job_id).jobs:
            if self._following.describe(one)["status"] not in ("SUCCEEDED", "FAILED"):
                self._clients.batch.terminate_job(jobId=one, reason=reason)
                ended.append(one)
        return ended

    def why(self, job_id: str) -> str:
        """Why it failed, as the worker told it, or else as Batch knows it; of an array, of the first part that did.

        Empty if it has not failed. `Refused` if there is no such job.
        """
        return self._why(self._following.progress(job_id))

    def _why(self, progress: Progress) -> str:
        if progress.status != "FAILED":
            return ""
        job = self._following.describe(progress.jobs[-1])
        if not job.get("arrayProperties", {}).get("size"):
            return self._told(job) or progress.reason
        failed = sorted(self._parts(job["jobId"], ("FAILED",)), key=lambda part: part["arrayProperties"]["index"])
        if not failed:
            return progress.reason
        first = self._following.describe(failed[0]["jobId"])
        said = self._told(first) or self._following.progress(first["jobId"]).reason
        others = f", as {len(failed) - 1} more did" if len(failed) > 1 else ""
        return f"part {part_of(first, variables_of(first['container']))}: {said}{others}"

    def _told(self, job: Mapping[str, Any]) -> str:
        """What the worker's runtime has written of its failure."""
        variables = variables_of(job["container"])
        if "JOB_KEY" not in variables or not job.get("attempts"):
            return ""
        part = part_of(job, variables)
        place = [variables["WORKER"], variables["JOB_KEY"], *([] if part is None else [str(part)]), "error.json"]
        try:
            answer = self._clients.s3.get_object(Bucket=variables["RESULTS_BUCKET"], Key="/".join(place))
        except ClientError:
            return ""  # not there, or not for us
        return json.load(answer["Body"]).get("reason", "")

    def logs(self, job_id: str, index: int | None = None, attempt: int | None = None) -> Iterator[str]:
        """The lines of an attempt, by default of the last. index: of an array, which part.

        `Refused` if there is no such job or part, or if it has no log.
        """
        job = self._following.describe(job_id if index is None else f"{job_id}:{index}")
        if size := job.get("arrayProperties", {}).get("size"):
            failed = [str(part["arrayProperties"]["index"]) for part in self._parts(job_id, ("FAILED",))]
            told = f"; failed: {', '.join(sorted(failed, key=int)[:20])}" if failed else ""
            raise Refused(f"The job is an array of {size:,}: say which part, 0 to {size - 1:,}{told}.")
        attempts = job.get("attempts", [])
        streams = [one["container"]["logStreamName"] for one in attempts if "logStreamName" in one["container"]]
        running = job.get("container", {}).get("logStreamName")
        if running and running not in streams:
            streams.append(running)
        number = len(streams) if attempt is None else attempt
        if not 1 <= number <= len(streams):
            known = f"there are {len(streams)}" if streams else f"it has not begun to run: {job['status']}"
            raise Refused(f"There is no attempt {number} with a log; {known}.")
        group = job["container"]["logConfiguration"]["options"]["awslogs-group"]
        yield from self._lines(group, streams[number - 1])

    def _lines(self, group: str, stream: str) -> Iterator[str]:
        token: dict[str, str] = {}
        while True:
            try:
                page = self._clients.logs.get_log_events(
                    logGroupName=group, logStreamName=stream, startFromHead=True, **token
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                raise Refused(f"The log {group}/{stream} is not there, or no longer.") from error
            yield from (event["message"] for event in page["events"])
            if page["nextForwardToken"] == token.get("nextToken"):
                return
            token = {"nextToken": page["nextForwardToken"]}

    def list(self, statuses: Sequence[str], worker: str | None = None, queue: str | None = None) -> list[Listed]:
        """Jobs in these states, the newest first. `Refused` if there is no such worker or queue."""
        definitions = set(self._submissions.worker(worker).definitions.values()) if worker else set()
        pages = self._clients.batch.get_paginator("describe_job_queues").paginate()
        all_queues = [one["jobQueueName"] for page in pages for one in page["jobQueues"]]
        queues = [name for name in all_queues if name.startswith(f"{self._names.prefix}-")]
        if queue:
            if self._names.of(queue) not in queues:
                raise Refused(f"There is no queue {queue}; {nearest(queue, map(self._names.short, queues))}.")
            queues = [self._names.of(queue)]
        found = [
            self._listed(job, name)
            for name in queues
            for status in statuses
            for page in self._clients.batch.get_paginator("list_jobs").paginate(jobQueue=name, jobStatus=status)
            for job in page["jobSummaryList"]
            if worker is None or _definition(job) in definitions
        ]
        return sorted(found, key=lambda job: job.created_at, reverse=True)

    def _listed(self, job: Mapping[str, Any], queue: str) -> Listed:
        size = job.get("arrayProperties", {}).get("size", 0)
        return Listed(
            job["jobId"], job["jobName"], self._names.short(queue), job["status"], job["createdAt"] / 1000, size,
            self._ending(job["jobId"]) if job["status"] == "FAILED" else "",
        )  # fmt: skip

    def _ending(self, job_id: str) -> str:
        """Of a failed job why it failed, or what has taken its place."""
        progress = self._following.progress(job_id)
        if len(progress.jobs) > 1:
            return f"replaced by {progress.jobs[-1]}: {progress.status}"
        return self._why(progress) or progress.status

    def _parts(self, job_id: str, statuses: Sequence[str]) -> list[dict[str, Any]]:
        return [
            part
            for status in statuses
            for page in self._clients.batch.get_paginator("list_jobs").paginate(arrayJobId=job_id, jobStatus=status)
            for part in page["jobSummaryList"]
        ]


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _definition(job: Mapping[str, Any]) -> str:
    """The name of a job's definition, without its revision."""
    return job["jobDefinition"].rsplit("/", 1)[-1].partition(":")[0]
