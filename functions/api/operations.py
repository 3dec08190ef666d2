"""What each operation of the description does."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools import Logger
from description import Operation
from problems import FieldError, Problem, malformed, unknown_job
from request import Request, Response
from services import Services
from submission import submit

from jobs import Conflict, Job, Status
from jobs.cancellation import cancel
from jobs.links import result_link

UPLOAD_SECONDS = 900
MAX_FILENAME = 128
JOB_ID = re.compile(r"[A-Za-z0-9-]{1,64}")  # the table holds other items too, under ids that no job has
CURSOR = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z#[A-Za-z0-9-]{1,64}")
SHOWN = (
    "job_id",
    "worker",
    "status",
    "created_at",
    "started_at",
    "completed_at",
    "duration_seconds",
    "attempt",
    "failures",
    "reason",
    "dead_lettered",
    "engine",
    "cost_usd",
    "peak_memory_mb",
)

logger = Logger(child=True)


def create_job(services: Services, operation: Operation, request: Request) -> Response:
    key = services.description.headers(operation, request.headers).get("Idempotency-Key")
    job, replayed = submit(services, request, key)
    logger.info("job accepted", job_id=job.job_id, worker=job.worker, replayed=replayed)
    headers = {"Location": f"/jobs/{job.job_id}"}
    if replayed:
        headers["Idempotent-Replay"] = "true"
    return Response(200 if replayed else 202, _shown(services, job), headers)


def list_jobs(services: Services, operation: Operation, request: Request) -> Response:
    query = services.description.query(operation, request.query)
    workers = list(services.workers)
    if "worker" in query:
        error = FieldError(parameter="worker", detail="is not a known worker")
        workers = [services.worker(query["worker"], error).name]
    statuses = [Status(query["status"])] if "status" in query else list(Status)
    before = _read_cursor(query["cursor"]) if "cursor" in query else None
    jobs, after = services.store.list(workers, statuses, query["limit"], before)
    page: dict[str, Any] = {"jobs": [_shown(services, job, with_input=False) for job in jobs]}
    if after:
        page["cursor"] = base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")
    return Response(200, page)


def get_job(services: Services, _: Operation, request: Request) -> Response:
    job_id = _job_id(request)
    return Response(200, _shown(services, _known_job(services, job_id)))


def cancel_job(services: Services, _: Operation, request: Request) -> Response:
    job_id = _job_id(request)
    _known_job(services, job_id)
    try:
        job = cancel(services.store, services.ecs, services.cluster, job_id, "cancelled by the caller")
    except Conflict as conflict:
        if conflict.job is None:
            raise unknown_job(job_id) from None
        detail = f"The job has ended already: it is {conflict.job.status}."
        raise Problem(409, "already-ended", detail) from None
    return Response(200, _shown(services, job))


def create_upload(services: Services, _: Operation, request: Request) -> Response:
    wanted = request.body()
    errors = services.description.body_errors("UploadRequest", wanted)
    if errors:
        raise malformed("The body is not an upload request.", errors)
    key = f"{request.caller}/{uuid.uuid4()}/{_file_name(wanted['filename'])}"
    signed = {"Bucket": services.uploads_bucket, "Key": key, "ContentType": wanted["content_type"]}
    if "size" in wanted:
        signed["ContentLength"] = int(wanted["size"])  # 5.0 is an integer, too
    upload = {
        "bucket": services.uploads_bucket,
        "key": key,
        "url": services.s3.generate_presigned_url("put_object", Params=signed, ExpiresIn=UPLOAD_SECONDS),
        "method": "PUT",
        "headers": {"Content-Type": wanted["content_type"]},
        "expires_in": UPLOAD_SECONDS,
    }
    return Response(201, upload)


def list_workers(services: Services, _: Operation, __: Request) -> Response:
    fields = ("name", "description", "input", "concurrency", "timeout_seconds")
    workers = [{field: getattr(worker, field) for field in fields} for worker in services.workers.values()]
    return Response(200, {"workers": workers})


def get_description(services: Services, _: Operation, __: Request) -> Response:
    return Response(200, services.description.document)


OPERATIONS: Mapping[str, Callable[[Services, Operation, Request], Response]] = {
    "createJob": create_job,
    "listJobs": list_jobs,
    "getJob": get_job,
    "cancelJob": cancel_job,
    "createUpload": create_upload,
    "listWorkers": list_workers,
    "getDescription": get_description,
}


def _shown(services: Services, job: Job, *, with_input: bool = True) -> dict[str, Any]:
    """The job as callers see it. Lists leave out the inputs, which together may be larger than an answer may be."""
    shown = {name: value for name in SHOWN if (value := getattr(job, name)) is not None and value is not False}
    if with_input:
        shown["input"] = job.input
    if link := result_link(services.s3, job):
        shown["result_url"] = link
    return shown


def _known_job(services: Services, job_id: str) -> Job:
    """Ids of scheduled runs can be guessed, and a key of the API says nothing of who may see them."""
    job = services.store.get(job_id)
    if job is None or job.worker not in services.workers:
        raise unknown_job(job_id)
    return job


def _job_id(request: Request) -> str:
    job_id = request.path_parameters["job_id"]
    if not JOB_ID.fullmatch(job_id):
        raise Problem(404, "unknown-job", "There is no such job.")
    return job_id


def _read_cursor(text: str) -> str:
    try:
        cursor = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except ValueError:
        cursor = ""
    if not CURSOR.fullmatch(cursor):
        error = FieldError(parameter="cursor", detail="is not a cursor that this API gave")
        raise malformed("A parameter is wrong.", [error])
    return cursor


def _file_name(name: str) -> str:
    """The file's name, reduced to characters that need no care in keys and links; its extension is kept."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name.rpartition("/")[2]).lstrip(".-")
    return plain[-MAX_FILENAME:].lstrip(".-") or "file"
