"""Buckets."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud, creates


@creates("aws:s3/bucket:Bucket")
def bucket(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    location = (
        {} if cloud.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": cloud.region}}
    )
    cloud.client("s3").create_bucket(Bucket=name, **location)
    return {}
