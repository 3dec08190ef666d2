"""How much a job has to read, and what it gets for that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from batchjobs.errors import Refused
from batchjobs.worker import Tier, Worker, size_text


def measure(s3: Any, worker: Worker, input: Mapping[str, Any]) -> int | None:
    """Bytes of the object that the input names by `key`, or of all below its `prefix`; None if it names neither.

    `bucket`, if it is there, is where; otherwise the uploads. `Refused` if there is nothing.
    """
    bucket, key, prefix = input.get("bucket") or worker.uploads, input.get("key"), input.get("prefix")
    try:
        if isinstance(key, str):
            return int(s3.head_object(Bucket=bucket, Key=key)["ContentLength"])
        if isinstance(prefix, str):
            return _below(s3, bucket, prefix)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("404", "NoSuchKey", "NoSuchBucket"):
            what = f"s3://{bucket}/{key}" if isinstance(key, str) else f"the bucket {bucket}"
            raise Refused(f"The input is missing: {what} does not exist.") from error
        raise
    return None


def _below(s3: Any, bucket: str, prefix: str) -> int:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    sizes = [item["Size"] for page in pages for item in page.get("Contents", [])]
    if not sizes:
        raise Refused(f"The input is missing: there is nothing below s3://{bucket}/{prefix}.")
    return sum(sizes)


def choose(worker: Worker, size: int | None) -> tuple[Tier, str]:
    """The tier for so many bytes, and why, in words. `Refused` if there is none."""
    if size is None:
        tier = worker.tiers[0]
        return tier, f"input names no object: {tier.text}"
    for tier in worker.tiers:
        if tier.up_to is None or size <= tier.up_to:
            return tier, f"input has {size_text(size)}: {tier.text}"
    raise Refused(f"The input has {size_text(size)}, more than any tier of {worker.name} is for.")
