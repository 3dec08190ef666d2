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


@creates("aws:s3/bucketNotification:BucketNotification")
def bucket_notification(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Raises NotImplementedError for notifications other than EventBridge's."""
    others = {"lambdaFunctions", "queues", "topics"} & {key for key, value in inputs.items() if value}
    if others or not inputs.get("eventbridge"):
        raise NotImplementedError(f"bucket {inputs['bucket']}: only notifications by EventBridge")
    cloud.client("s3").put_bucket_notification_configuration(
        Bucket=inputs["bucket"], NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return {"id": inputs["bucket"]}
