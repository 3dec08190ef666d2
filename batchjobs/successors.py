"""What takes the place of a failed job: the same with more memory, if that is what it lacked, and what waited for it.

Of an array, only the parts that failed run again, together in one job, once all parts have ended: so what waits for
the array has one job to wait for, and ten thousand parts that are too large make one submission. If a part failed for
another reason, the array has failed for good.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from batchjobs import parts
from batchjobs.once import Once, job_name
from batchjobs.stack import Clients, Names
from batchjobs.submission import call_of, find_job, next_row
from batchjobs.worker import Tier, memory_of, read_tiers, variables_of

Job = Mapping[str, Any]  # as DescribeJobs has it

DEPENDENCY_FAILED = "Dependent Job failed"  # as AWS Batch says it
EXITED = "Essential container in task exited"  # and was not reclaimed, stopped for its time, or terminated
OUT_OF_MEMORY, KILLED = "OutOfMemoryError", 137
OWN = ("JOB_KEY", "INPUT", "INPUT_KEY")  # of a job's variables those that its submission gave it, besides its size


class Successors:
    """Errors of AWS come through unchanged."""

    def __init__(self, clients: Clients, once: Once):
        self._clients, self._once = clients, once

    def known(self, job_id: str) -> str | None:
        """The job that has been submitted in a failed one's place."""
        return self._once.known(next_row(job_id))

    def has(self, job: Job) -> bool:
        """Whether a failed job has a successor, or will have one."""
        if not _is_ours(job) or job["status"] != "FAILED" or job.get("isTerminated") or job.get("isCancelled"):
            return False
        causes = self._causes(job)
        if "memory" in causes and _tier_above(job) is None:
            return False
        return "other" not in causes and ("dependency" not in causes or self._can_follow(job))

    def of(self, job: Job) -> str | None:
        """Id of the job that takes its place, submitted now if it has not been; None if it has failed for good."""
        if not self.has(job):
            return None
        variables, row = variables_of(job["container"]), next_row(job["jobId"])
        tier = (_tier_above(job) if "memory" in self._causes(job) else None) or _tier(job)
        queue = _queue(job, tier)
        own = {key: variables[key] for key in OWN if key in variables}
        again = self._parts(job)
        if again is not None:
            size = parts.size_of(job, variables)
            text = parts.write(again)
            if len(text) > parts.LONGEST:  # a little more than necessary, which writes the same again
                again, text = list(range(size)), f"0-{size - 1}"
            own |= {"ARRAY_INDEXES": text, "ARRAY_SIZE": str(size)}
        call = call_of(
            name=job_name(variables["WORKER"], row),
            queue=queue,
            definition=json.loads(variables["DEFINITIONS"])[_names(job).short(queue)],
            variables={**own, **tier.variables},
            tier=tier,
            size=1 if again is None else len(again),
            depends_on=self._dependencies(job, again),
            share=self._share(job, queue),
        )
        return self._once.job(
            row,
            row,
            find=lambda: find_job(self._clients.batch, call["jobName"], [queue]),
            submit=lambda: self._clients.submitting.submit_job(**call)["jobId"],
        )[0]

    def _causes(self, job: Job) -> set[str]:
        """Why it failed, or its parts: memory, dependency, other."""
        if job.get("arrayProperties", {}).get("size"):
            # If nothing is known of its parts, none has begun.
            return {_cause(child) for child in self._failed(job)} or {_cause(job)}
        return {_cause(job)}

    def _failed(self, job: Job) -> list[Job]:
        pages = self._clients.batch.get_paginator("list_jobs").paginate(arrayJobId=job["jobId"], jobStatus="FAILED")
        return [child for page in pages for child in page["jobSummaryList"]]

    def _parts(self, job: Job) -> list[int] | None:
        """Those that are to run again; None if the job is no array, nor some parts of one."""
        own = parts.parts_of(job, variables_of(job["container"]))
        if own is None or not job.get("arrayProperties", {}).get("size"):
            return own
        failed = sorted(child["arrayProperties"]["index"] for child in self._failed(job))
        return [own[index] for index in failed] or own

    def _can_follow(self, job: Job) -> bool:
        """Whether each failed job that it waited for has a successor."""
        waited_for = self._described(job)
        failed = [other for other in waited_for.values() if other["status"] == "FAILED"]
        sequential = any("jobId" not in one for one in job.get("dependsOn", []))
        return (bool(failed) or sequential) and all(self.has(other) for other in failed)

    def _dependencies(self, job: Job, again: list[int] | None) -> list[dict[str, str]]:
        """What its successor waits for."""
        waited_for, found = self._described(job), []
        for dependency in job.get("dependsOn", []):
            if "jobId" not in dependency:  # each part for the one before
                found += [{"type": "SEQUENTIAL"}] if again and len(again) > 1 else []
                continue
            other = waited_for.get(dependency["jobId"])
            if other is None or other["status"] == "SUCCEEDED":
                continue
            if other["status"] != "FAILED":
                found.append({"jobId": dependency["jobId"]})
                continue
            successor = self.of(other)
            assert successor  # has() was asked
            found.append({"jobId": successor, **self._each(dependency, other, again)})
        return found

    def _each(self, dependency: Mapping[str, str], other: Job, again: list[int] | None) -> dict[str, str]:
        """Part for part, if the same parts of both run again; otherwise the whole waits for the whole."""
        same = again is not None and len(again) > 1 and self._parts(other) == again
        return {"type": "N_TO_N"} if dependency.get("type") == "N_TO_N" and same else {}

    def _described(self, job: Job) -> dict[str, Job]:
        """The jobs that it waited for, by id."""
        ids = [one["jobId"] for one in job.get("dependsOn", []) if "jobId" in one]
        return {one["jobId"]: one for one in self._clients.batch.describe_jobs(jobs=ids)["jobs"]} if ids else {}

    def _share(self, job: Job, queue: str) -> str:
        """Its share identifier, if it stays in its queue or the other one has shares, too."""
        share = job.get("shareIdentifier") or variables_of(job["container"]).get("SHARE", "")
        if queue == job["jobQueue"].rsplit("/", 1)[-1]:
            return job.get("shareIdentifier", "")
        [described] = self._clients.batch.describe_job_queues(jobQueues=[queue])["jobQueues"]
        return share if described.get("schedulingPolicyArn") else ""


def _is_ours(job: Job) -> bool:
    """Whether it came by a submission, and not from a state machine, which has retries of its own. A part of an array
    has no successor by itself."""
    variables = variables_of(job.get("container", {}))
    part = "index" in job.get("arrayProperties", {})
    return "JOB_KEY" in variables and "TIERS" in variables and not part and not is_of_state_machine(job)


def is_of_state_machine(job: Job) -> bool:
    """Whether a stage of a workflow has submitted it."""
    return "MANAGED_BY_AWS" in variables_of(job.get("container", {}))


def _cause(job: Job) -> str:
    """Of a job or of its summary. Who is stopped from outside may end by SIGKILL, too."""
    said, container = job.get("statusReason", ""), job.get("container", {})
    if said == DEPENDENCY_FAILED:
        return "dependency"
    lacked = container.get("reason", "").startswith(OUT_OF_MEMORY) or container.get("exitCode") == KILLED
    return "memory" if lacked and said == EXITED else "other"


def _tier(job: Job) -> Tier:
    tiers = read_tiers(variables_of(job["container"]))
    return next((tier for tier in tiers if tier.memory >= memory_of(job)), tiers[-1])


def _tier_above(job: Job) -> Tier | None:
    tiers = read_tiers(variables_of(job["container"]))
    return next((tier for tier in tiers if tier.memory > memory_of(job)), None)


def _names(job: Job) -> Names:
    """From the names of the worker's definitions, which are `<prefix>-<worker>`, some with `_<kind>` behind it."""
    variables = variables_of(job["container"])
    definition = next(iter(json.loads(variables["DEFINITIONS"]).values()))
    return Names(definition.partition("_")[0].removesuffix(f"-{variables['WORKER'].replace('_', '-')}"), "")


def _queue(job: Job, tier: Tier) -> str:
    """Its name in AWS. A job that was sent to another queue than its tier's stays there, unless the next tier is in
    another queue than that tier."""
    old = job["jobQueue"].rsplit("/", 1)[-1]
    return old if _tier(job).queue == tier.queue else _names(job).of(tier.queue)
