"""Submits jobs of a stack's Batch workers."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from batchjobs.errors import Refused
from batchjobs.once import Once, job_name
from batchjobs.request import Request, array_size, in_order
from batchjobs.sizing import choose, measure
from batchjobs.stack import Clients, Names
from batchjobs.worker import Tier, Worker, find_worker, nearest

LONGEST_INPUT = 4 * 1024  # bytes as a variable; all of a task's overrides may have 8 KB together
INPUTS = "batch"  # folder of longer ones in the uploads bucket


@dataclass(frozen=True)
class Submitted:
    """reason: which tier it got and why, for people. repeated: it had been submitted before. size: parts of an array,
    1 for none."""

    job_id: str
    name: str
    worker: str
    key: str
    size: int
    queue: str
    tier: Tier
    reason: str
    repeated: bool


@dataclass(frozen=True)
class _Prepared:
    request: Request
    worker: Worker
    key: str
    size: int
    queue: str
    tier: Tier
    reason: str
    share: str


class Submissions:
    """Errors of AWS come through unchanged."""

    def __init__(self, clients: Clients, names: Names, once: Once):
        self._clients, self._names, self._once = clients, names, once
        self._workers: dict[str, Worker] = {}

    def worker(self, name: str) -> Worker:
        """`Refused` if there is none."""
        if name not in self._workers:
            self._workers[name] = find_worker(self._clients.batch, self._names, name)
        return self._workers[name]

    def submit(self, request: Request) -> Submitted:
        """`Refused`"""
        return self._send(self._prepare(request, ()), {})

    def submit_set(self, requests: Mapping[str, Request]) -> dict[str, Submitted]:
        """By name, in an order in which none comes before one that it waits for.

        All of them are looked at before the first is submitted. `Refused`
        """
        order = list(in_order(requests))
        prepared = {name: self._prepare(requests[name], order) for name in order}
        for name, one in prepared.items():
            other = prepared.get(one.request.after_each or "")
            if one.request.after_each and (one.size == 1 or (other and other.size != one.size)):
                sizes = f"{name} has {one.size:,}" + (f", {one.request.after_each} {other.size:,}" if other else "")
                raise Refused(f"Parts can wait for the same parts only of an array of the same size: {sizes}.")
        submitted: dict[str, Submitted] = {}
        for name in order:
            submitted[name] = self._send(prepared[name], {one: sent.job_id for one, sent in submitted.items()})
        return submitted

    def _prepare(self, request: Request, names: Collection[str]) -> _Prepared:
        """names: of the set that it is one of. `Refused`"""
        worker = self.worker(request.worker)
        size = array_size(request, worker.array)
        if request.after_each and size == 1:
            raise Refused("Only the parts of an array can wait for the same parts of another, and this job is none.")
        for one in request.dependencies:
            if one not in names and not _is_id(one):
                raise Refused(f"There is no job {one} to wait for: it is neither one of the set nor a job's id.")
        found = measure(self._clients.s3, worker, request.input)
        tier, reason = choose(worker, found if request.size is None else request.size)
        queue = request.queue or tier.queue
        if queue not in worker.definitions:
            known = worker.definitions
            raise Refused(f"There is no queue {queue} for {worker.name}; {nearest(queue, known)}.")
        if queue != tier.queue:
            reason += f", in queue {queue}"
        share = self._share(request, worker, queue)
        key = request.key or uuid.uuid4().hex
        return _Prepared(request, worker, key, size, queue, tier, reason, share)

    def _share(self, request: Request, worker: Worker, queue: str) -> str:
        """The share identifier, empty for a queue without shares. `Refused`"""
        described = self._clients.batch.describe_job_queues(jobQueues=[self._names.of(queue)])["jobQueues"]
        if not described:
            raise Refused(f"There is no queue {queue} in this stack; {nearest(queue, self._queues())}.")
        if not described[0].get("schedulingPolicyArn"):
            if request.share:
                raise Refused(f"The queue {queue} has no shares, so a job cannot have a share identifier there.")
            return ""
        share = request.share or worker.share
        if not share:
            raise Refused(
                f"The queue {queue} is shared by identifiers; name the share that the job belongs to (--share)."
            )
        return share

    def _queues(self) -> list[str]:
        pages = self._clients.batch.get_paginator("describe_job_queues").paginate()
        names = [one["jobQueueName"] for page in pages for one in page["jobQueues"]]
        return [self._names.short(name) for name in names if name.startswith(f"{self._names.prefix}-")]

    def _send(self, prepared: _Prepared, ids: Mapping[str, str]) -> Submitted:
        """ids: of the jobs that are called by names."""
        request, worker = prepared.request, prepared.worker
        row = f"batch#{worker.name}#{prepared.key}"
        name = job_name(worker.name, row)
        call = self._call(prepared, name, ids)

        def submit() -> str:
            return self._clients.submitting.submit_job(**call)["jobId"]

        def find() -> str | None:
            return self._find(name, {tier.queue for tier in worker.tiers} | {prepared.queue})

        if request.key:
            content = json.dumps([worker.name, dict(request.input), prepared.size], sort_keys=True)
            job_id, repeated = self._once.job(row, content, find=find, submit=submit)
        else:
            job_id, repeated = self._once.submit(submit, find), False
        return Submitted(
            job_id=job_id,
            name=name,
            worker=worker.name,
            key=prepared.key,
            size=prepared.size,
            queue=prepared.queue,
            tier=prepared.tier,
            reason=prepared.reason,
            repeated=repeated,
        )

    def _call(self, prepared: _Prepared, name: str, ids: Mapping[str, str]) -> dict[str, Any]:
        """Arguments of SubmitJob."""
        request, worker = prepared.request, prepared.worker
        variables = {"JOB_KEY": prepared.key, **self._input(prepared), **prepared.tier.variables}
        depends_on: list[dict[str, str]] = [{"jobId": self._job_id(one, ids)} for one in request.after]
        if request.after_each:
            depends_on.append({"jobId": self._job_id(request.after_each, ids), "type": "N_TO_N"})
        if request.sequential:
            depends_on.append({"type": "SEQUENTIAL"})
        return call_of(
            name=name,
            queue=self._names.of(prepared.queue),
            definition=worker.definitions[prepared.queue],
            variables=variables,
            tier=prepared.tier,
            size=prepared.size,
            depends_on=depends_on,
            share=prepared.share,
        )

    def _input(self, prepared: _Prepared) -> dict[str, str]:
        """The variable that says what the input is. A long one is put into the uploads bucket."""
        text = json.dumps(dict(prepared.request.input), sort_keys=True)
        if len(text.encode()) <= LONGEST_INPUT:
            return {"INPUT": text}
        key = f"{INPUTS}/{prepared.worker.name}/{hashlib.sha256(prepared.key.encode()).hexdigest()}.json"
        self._clients.s3.put_object(
            Bucket=prepared.worker.uploads, Key=key, Body=text.encode(), ContentType="application/json"
        )
        return {"INPUT_KEY": key}

    def _job_id(self, wanted: str, ids: Mapping[str, str]) -> str:
        """Of a job that is to be waited for: the one that has taken its place, if it has been replaced."""
        job_id = ids.get(wanted, wanted)
        while replaced := self._once.known(next_row(job_id)):
            job_id = replaced
        return job_id

    def _find(self, name: str, queues: set[str]) -> str | None:
        return find_job(self._clients.batch, name, [self._names.of(queue) for queue in sorted(queues)])


def call_of(
    *,
    name: str,
    queue: str,
    definition: str,
    variables: Mapping[str, str],
    tier: Tier,
    size: int,
    depends_on: list[dict[str, str]],
    share: str,
) -> dict[str, Any]:
    """Arguments of SubmitJob. size: parts of the array, 1 for none. queue, definition: names in AWS."""
    call: dict[str, Any] = {
        "jobName": name,
        "jobQueue": queue,
        "jobDefinition": definition,
        "containerOverrides": {
            "environment": [{"name": key, "value": value} for key, value in variables.items()],
            "resourceRequirements": tier.requirements,
        },
    }
    if size > 1:
        call["arrayProperties"] = {"size": size}
    if depends_on:
        call["dependsOn"] = depends_on
    if share:  # AWS Batch then wants a priority within the share, too; they are all alike
        call |= {"shareIdentifier": share, "schedulingPriorityOverride": 0}
    return call


def find_job(batch: Any, name: str, queues: list[str]) -> str | None:
    """Id of the newest job of this name in these queues. queues: their names in AWS."""
    named = {"name": "JOB_NAME", "values": [name]}
    found = [
        job
        for queue in queues
        for page in batch.get_paginator("list_jobs").paginate(jobQueue=queue, filters=[named])
        for job in page["jobSummaryList"]
        if job["jobName"] == name
    ]
    return max(found, key=lambda job: job["createdAt"])["jobId"] if found else None


def next_row(job_id: str) -> str:
    """Of the job that takes the place of a failed one."""
    return f"batch-next#{job_id}"


def _is_id(text: str) -> bool:
    base, _, index = text.partition(":")
    try:
        return str(uuid.UUID(base)) == base and (not index or index.isdecimal())
    except ValueError:
        return False
