"""POST /jobs: from a request to a job that is recorded and queued."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from problems import FieldError, Problem, malformed
from request import Request
from services import Services, Worker

from jobs import Conflict, Job
from jobs.submission import send

MAX_INPUT_BYTES = 256 * 1024  # a record is at most 400 KB, and holds the input as text
CALLERS = uuid.UUID("8f2d6c0e-5d0b-4c11-9a0b-5b6f6f1f4e51")


def submit(services: Services, request: Request, idempotency_key: str | None) -> tuple[Job, bool]:
    """The job of this request, and whether it is from an earlier request with the same key.

    `Problem` 400, 404, 409, 413, 422, 503; after any of them there is no new job.
    """
    worker, given = _checked(services, request.body())
    content = json.dumps({"worker": worker.name, "input": given}, sort_keys=True).encode()
    job = Job(
        job_id=str(uuid.uuid5(CALLERS, f"{request.caller}:{idempotency_key}") if idempotency_key else uuid.uuid4()),
        worker=worker.name,
        input=given,
        request_hash=hashlib.sha256(content).hexdigest(),
        expires_at=int(time.time()) + services.job_seconds,
    )
    try:
        services.store.create(job)
    except Conflict as conflict:
        return _replayed(services, worker, job, conflict.job), True
    return _queued(services, worker, job), False


def _checked(services: Services, body: dict[str, Any]) -> tuple[Worker, dict[str, Any]]:
    name = body.get("worker")
    if isinstance(name, str) and name:
        services.worker(name, FieldError(pointer="/worker", detail="is not a known worker"))
    errors = services.description.body_errors("JobRequest", body)
    if errors:
        raise malformed("The body is not a job request.", errors)
    worker, given = services.workers[body["worker"]], body["input"]
    size = len(json.dumps(given))
    if size > MAX_INPUT_BYTES:
        detail = (
            f"The input is {size} bytes as ASCII JSON, and may be {MAX_INPUT_BYTES}. "
            "Upload large content with POST /uploads and name the object in the input."
        )
        raise Problem(413, "too-large", detail, [FieldError(pointer="/input", detail="is too large")])
    errors = worker.validator.errors(given, ("input",))
    if errors:
        raise Problem(422, "invalid-input", f"The input does not fit the worker {worker.name}.", errors)
    return worker, given


def _queued(services: Services, worker: Worker, job: Job) -> Job:
    try:
        send(services.sqs, worker.queue_url, job)
    except (ClientError, BotoCoreError):
        try:
            services.store.discard(job.job_id)
        except Conflict as conflict:
            if conflict.job:  # something has happened to the job, so the message did arrive
                return conflict.job
        raise
    return job


def _replayed(services: Services, worker: Worker, job: Job, existing: Job | None) -> Job:
    if existing is None:
        detail = "The job of an earlier request with this Idempotency-Key was just taken back; try again."
        raise Problem(503, "unavailable", detail, headers={"Retry-After": "1"})
    if existing.request_hash != job.request_hash:
        error = FieldError(parameter="Idempotency-Key", detail="belongs to another request")
        detail = "This Idempotency-Key was used for another request. Use a new key for a new job."
        raise Problem(409, "idempotency-conflict", detail, [error])
    if existing.untouched:
        send(services.sqs, worker.queue_url, existing)  # the first request may have ended before its message was sent
    return existing
