"""Objects in a bucket: lists them, fetches them to the scratch volume, writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError

from workers.runtime.clients import brisk_client
from workers.s3_batch.items import Denied, Item, Listed, Unprocessed

CHUNK = 1024**2  # bytes
READS = 4  # of an object whose content breaks off: boto3 repeats a request, but not the reading of its answer
_BROKEN = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
_UNREADABLE = {
    "NoSuchKey": "is gone since it was listed",
    "PreconditionFailed": "has changed since it was listed",
    "InvalidObjectState": "lies in an archive storage class, and must be restored before it can be read",
    "InvalidRequest": "is encrypted with a key that only its owner has",  # SSE-C
}


@dataclass(frozen=True)
class Fetched:
    """sha256: of the content, in hex. content_type: as it was uploaded."""

    sha256: str
    content_type: str


@dataclass(frozen=True)
class Head:
    """metadata: of the user's, by names in small letters. modified: by the clock of S3, aware."""

    metadata: Mapping[str, str]
    modified: datetime


class Bucket:
    def __init__(self, name: str):
        self.name = name
        self._s3: Any = brisk_client("s3")

    def list(self, prefix: str) -> Iterator[Listed]:
        """In the order of the bytes of their keys."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for found in page.get("Contents", ()):
                item = Item(found["Key"], found["ETag"].strip('"'), found["Size"])
                yield Listed(item, found["LastModified"])

    def fetch(self, item: Item, path: Path) -> Fetched:
        """Copy this version of the object to a file.

        Unprocessed if it is gone or changed, or cannot be read; Denied if it may not be. Other errors come through.
        """
        for _ in range(READS - 1):
            try:
                return self._fetch(item, path)
            except _BROKEN:
                continue
        return self._fetch(item, path)

    def _fetch(self, item: Item, path: Path) -> Fetched:
        try:
            answer = self._s3.get_object(Bucket=self.name, Key=item.key, IfMatch=f'"{item.etag}"')
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "AccessDenied":
                raise Denied("may not be read by this worker") from error
            if code in _UNREADABLE or code.startswith("KMS."):
                raise Unprocessed(_UNREADABLE.get(code, f"cannot be decrypted ({code})")) from error
            raise
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for chunk in answer["Body"].iter_chunks(CHUNK):
                digest.update(chunk)
                file.write(chunk)
        content_type = answer.get("ContentType", "")
        if not (content_type.isascii() and content_type.isprintable() and content_type):  # else S3 would not take it
            content_type = "application/octet-stream"
        return Fetched(digest.hexdigest(), content_type)

    def head(self, key: str) -> Head | None:
        """None if there is no such object."""
        try:
            answer = self._s3.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "404":
                return None
            raise
        return Head(answer["Metadata"], answer["LastModified"])

    def put(
        self, key: str, body: bytes | IO[bytes], content_type: str, metadata: Mapping[str, str] | None = None
    ) -> str:
        """Write an object, whole or not at all. Returns its ETag, without the quotes."""
        answer = self._s3.put_object(
            Bucket=self.name, Key=key, Body=body, ContentType=content_type, Metadata=metadata or {}
        )
        return answer["ETag"].strip('"')
