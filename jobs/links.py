"""Time-limited links to objects."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from jobs.record import Job

RESULT_SECONDS, DOCUMENT_SECONDS = 3600, 12 * 3600


def s3_client() -> Any:
    """An S3 client for presigning. Its links name the region, so a new bucket does not answer with a redirect."""
    return boto3.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))


def result_link(s3: Any, job: Job) -> str | None:
    """A link to the job's result, good for an hour; None if it has no result."""
    return _link(s3, job, job.result_key, RESULT_SECONDS)


def document_link(s3: Any, job: Job) -> str | None:
    """The same to what people are to open: the job's document, or its result if it has none. Good for up to 12 hours:
    it ends with the credentials of who made it, which a function has for no longer."""
    return _link(s3, job, job.document_key or job.result_key, DOCUMENT_SECONDS)


def _link(s3: Any, job: Job, key: str | None, seconds: int) -> str | None:
    if not (job.result_bucket and key):
        return None
    where = {"Bucket": job.result_bucket, "Key": key}
    return s3.generate_presigned_url("get_object", Params=where, ExpiresIn=seconds)
