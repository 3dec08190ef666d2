"""Batch's API: moto's URLs, answered here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.compute.batch.declared import by_name_or_arn
from sandbox.compute.batch.engine import Batch
from sandbox.compute.batch.job import Job
from sandbox.compute.batch.submission import Refused

PAGE = 100  # Source: AWS Batch API reference, ListJobs, maxResults
Body = dict[str, Any]


class Api:
    """Takes the place of moto's answers until it is closed. What Pulumi creates does not come this way."""

    def __init__(self, batch: Batch):
        from moto.batch.responses import BatchResponse

        self._batch, self._declared = batch, batch.declared
        self._responses = BatchResponse
        answers: dict[str, Callable[[Body], Body]] = {
            "submitjob": self._submit,
            "describejobs": lambda body: {"jobs": batch.describe(body["jobs"])},
            "listjobs": self._list,
            "canceljob": self._cancel,
            "terminatejob": self._terminate,
            "describejobqueues": self._queues,
            "describecomputeenvironments": self._environments,
            "describeschedulingpolicies": self._policies,
            "describejobdefinitions": self._definitions,
            "registerjobdefinition": self._register,
        }
        self._moto = {name: getattr(BatchResponse, name) for name in answers}
        for name, answer in answers.items():
            setattr(BatchResponse, name, _answering(answer))

    def close(self) -> None:
        for name, answer in self._moto.items():
            setattr(self._responses, name, answer)

    def _submit(self, body: Body) -> Body:
        job = self._batch.submit(body)
        return {"jobId": job.id, "jobName": job.name, "jobArn": job.arn}

    def _list(self, body: Body) -> Body:
        filters, status = body.get("filters") or [], body.get("jobStatus")
        if parent := body.get("arrayJobId"):
            found = self._batch.summaries(
                lambda job: job.parent is not None and job.parent.id == parent and job.status == (status or "RUNNING")
            )
        else:
            queue = self._queue(body.get("jobQueue") or "")
            found = self._batch.summaries(
                lambda job: (
                    job.parent is None
                    and job.queue is queue
                    and (_passes(job, filters[0]) if filters else job.status == (status or "RUNNING"))
                )
            )
        start, count = int(body.get("nextToken") or 0), int(body.get("maxResults") or PAGE)
        page: Body = {"jobSummaryList": found[start : start + count]}
        if start + count < len(found):
            page["nextToken"] = str(start + count)
        return page

    def _cancel(self, body: Body) -> Body:
        self._batch.cancel(self._job(body), _reason(body))
        return {}

    def _terminate(self, body: Body) -> Body:
        self._batch.terminate(self._job(body), _reason(body))
        return {}

    def _job(self, body: Body) -> Job:
        job = self._batch.get(body.get("jobId") or "")
        if job is None:
            raise Refused(f"Job {body.get('jobId')} not found")
        return job

    def _queue(self, wanted: str) -> Any:
        try:
            return by_name_or_arn(self._declared.queues, wanted)
        except LookupError:
            raise Refused(f"Job Queue {wanted} not found") from None

    def _queues(self, body: Body) -> Body:
        return {"jobQueues": _described(self._declared.queues, body.get("jobQueues"))}

    def _environments(self, body: Body) -> Body:
        return {"computeEnvironments": _described(self._declared.environments, body.get("computeEnvironments"))}

    def _policies(self, body: Body) -> Body:
        return {"schedulingPolicies": _described(self._declared.policies, body.get("arns"))}

    def _definitions(self, body: Body) -> Body:
        if wanted := body.get("jobDefinitions"):
            found = []
            for one in wanted:
                try:
                    found.append(self._declared.definition(one))
                except LookupError:
                    continue
        else:
            names = [body["jobDefinitionName"]] if body.get("jobDefinitionName") else list(self._declared.definitions)
            found = [one for name in names for one in reversed(self._declared.definitions.get(name, []))]
        status = body.get("status")
        return {"jobDefinitions": [one.description for one in found if status in (None, one.description["status"])]}

    def _register(self, body: Body) -> Body:
        made = self._declared.add_definition(body["jobDefinitionName"], body)
        return {"jobDefinitionArn": made.arn, "jobDefinitionName": made.name, "revision": made.revision}


def _answering(answer: Callable[[Body], Body]) -> Callable[[Any], str]:
    def respond(response: Any) -> str:
        from moto.batch.exceptions import ClientException

        try:
            return json.dumps(answer(json.loads(response.body or "{}")))
        except Refused as refusal:
            raise ClientException(str(refusal)) from None

    return respond


def _reason(body: Body) -> str:
    if not body.get("reason"):
        raise Refused("A reason must be given")
    return body["reason"]


def _described(things: Mapping[str, Any], wanted: list[str] | None) -> list[Any]:
    names = [one.rsplit("/", 1)[-1] for one in wanted] if wanted else list(things)
    return [things[name].description for name in names if name in things]


def _passes(job: Job, filter: Mapping[str, Any]) -> bool:
    """Source: AWS Batch API reference, ListJobs, filters."""
    [value] = filter["values"]
    match filter["name"]:
        case "JOB_NAME":
            return _glob(value.lower(), job.name.lower())
        case "JOB_DEFINITION":
            whole = job.definition.arn if value.startswith("arn:") else job.definition.name
            return _glob(value, whole)
        case "SHARE_IDENTIFIER":
            return job.share == value
        case "AFTER_CREATED_AT":
            return job.created_at > int(value)
        case "BEFORE_CREATED_AT":
            return job.created_at < int(value)
    raise Refused(f"Filter {filter['name']} is not known")


def _glob(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern
