"""Pods that run at once may write the same object, as each index writes the report anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from kubernetes_cloud import KubernetesCloud

WRITERS, TIMES = 6, 6


def test_an_object_that_many_write_at_once_is_the_one_or_the_other(cloud: KubernetesCloud) -> None:
    s3 = boto3.client(
        "s3", endpoint_url=cloud.cloud.endpoint, region_name="eu-central-1", aws_access_key_id="t",
        aws_secret_access_key="t", config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )  # fmt: skip
    s3.create_bucket(Bucket="results", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    bodies = {bytes([65 + writer]) * 10_000 for writer in range(WRITERS)}

    def write_and_read(body: bytes) -> set[bytes]:
        seen = set()
        for _ in range(TIMES):
            s3.put_object(Bucket="results", Key="report.json", Body=body)
            seen.add(s3.get_object(Bucket="results", Key="report.json")["Body"].read())
        return seen

    with ThreadPoolExecutor(WRITERS) as threads:
        for seen in threads.map(write_and_read, bodies):
            assert seen <= bodies
