"""Objects in a bucket: lists them, streams ranges of them, writes files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError

from workers.runtime import BadInput
from workers.runtime.clients import client
from workers.runtime.objects import Location

BLOCK = 1024**2  # bytes
READS = 4  # of a range that breaks off without a byte of progress: boto3 does not repeat the reading of an answer
_BROKEN = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
_UNREADABLE = {
    "NoSuchKey": "is gone since it was listed",
    "PreconditionFailed": "has changed since it was listed",
    "InvalidObjectState": "lies in an archive storage class, and must be restored before it can be read",
}


@dataclass(frozen=True)
class Object:
    """A version of an object. size: bytes."""

    key: str
    etag: str
    size: int


class Bucket:
    def __init__(self, name: str):
        self.name = name
        self._s3: Any = client("s3")

    def address(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def list(self, prefix: str) -> Iterator[Object]:
        """In the order of the bytes of their keys; without folders."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for item in page.get("Contents", ()):
                if not item["Key"].endswith("/"):
                    yield Object(item["Key"], item["ETag"].strip('"'), item["Size"])

    def find(self, key: str) -> Object | None:
        try:
            answer = self._s3.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise
        return Object(key, answer["ETag"].strip('"'), answer["ContentLength"])

    def stream(self, found: Object, start: int, end: int) -> Iterator[bytes]:
        """Bytes start to end (exclusive), in blocks of at most 1 MiB; goes on where the connection broke off.

        BadInput if the object has changed, or cannot be read.
        """
        failures = 0
        while start < end:
            try:
                for block in self._get(found, start, end).iter_chunks(BLOCK):
                    start, failures = start + len(block), 0
                    yield block
            except _BROKEN:
                failures += 1
                if failures == READS:
                    raise

    def read(self, found: Object, start: int, end: int) -> bytes:
        return b"".join(self.stream(found, max(start, 0), min(end, found.size)))

    def _get(self, found: Object, start: int, end: int) -> Any:
        try:
            answer = self._s3.get_object(
                Bucket=self.name, Key=found.key, Range=f"bytes={start}-{end - 1}", IfMatch=f'"{found.etag}"'
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _UNREADABLE:
                raise BadInput(f"{self.address(found.key)} {_UNREADABLE[code]}") from error
            raise
        return answer["Body"]

    def copy(self, found: Object, path: Path) -> None:
        with path.open("wb") as file:
            for block in self.stream(found, 0, found.size):
                file.write(block)

    def put(self, key: str, body: IO[bytes], content_type: str) -> Location:
        """Write a file, whole or not at all, of at most 5 GB."""
        self._s3.put_object(Bucket=self.name, Key=key, Body=body, ContentType=content_type)
        return {"bucket": self.name, "key": key}


def fingerprint(objects: list[Object]) -> str:
    """The same for the same versions of the same objects."""
    return hashlib.sha256("\n".join(f"{o.key}\t{o.etag}\t{o.size}" for o in objects).encode()).hexdigest()
