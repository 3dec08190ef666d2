"""What S3 says about new objects: by EventBridge, or straight as a notification of the bucket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger

logger = Logger(child=True)


class UnusableEvent(Exception):
    """An event that says nothing about an upload."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A new object. key: as it is stored, decoded. size: bytes. at: ISO time of the upload."""

    bucket: str
    key: str
    etag: str
    version: str
    size: int
    at: str

    @property
    def id(self) -> str:
        """The same for every event of the same content under the same key."""
        parts = json.dumps([self.bucket, self.key, self.etag or self.version])
        return hashlib.sha256(parts.encode()).hexdigest()

    @property
    def is_folder(self) -> bool:
        """Whether it is the empty object by which consoles show a folder."""
        return self.key.endswith("/") and self.size == 0

    def message(self) -> str:
        """Body of the message that stands for it; a redrive keeps it, and so the id."""
        source = {"bucket": self.bucket, "key": self.key, "etag": self.etag, "size": self.size}
        return json.dumps({"id": self.id, "input": source, "at": self.at})


def read_uploads(event: Mapping[str, Any]) -> list[Upload]:
    """The uploads that an event tells of, in its order; `UnusableEvent` if it is of another kind."""
    try:
        if event.get("source") == "aws.s3":
            return _by_eventbridge(event)
        if event.get("Event") == "s3:TestEvent":
            logger.info("test event of a bucket ignored", bucket=event.get("Bucket"))
            return []
        return [upload for record in event["Records"] if (upload := _by_notification(record))]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnusableEvent(f"not an event of S3 about an upload ({type(error).__name__}: {error})") from error


def _by_eventbridge(event: Mapping[str, Any]) -> list[Upload]:
    """EventBridge gives keys as they are."""
    if event["detail-type"] != "Object Created":
        logger.info("event ignored", kind=event["detail-type"])
        return []
    detail = event["detail"]
    return [_upload(detail["bucket"], detail["object"], "etag", "version-id", detail["object"]["key"], event["time"])]


def _by_notification(record: Mapping[str, Any]) -> Upload | None:
    """Notifications give keys as in a form: percent-encoded, with + for a space."""
    if not record["eventName"].startswith("ObjectCreated:"):
        logger.info("event ignored", kind=record["eventName"])
        return None
    s3 = record["s3"]
    key = unquote_plus(s3["object"]["key"], errors="strict")
    return _upload(s3["bucket"], s3["object"], "eTag", "versionId", key, record["eventTime"])


def _upload(bucket: Mapping[str, Any], thing: Mapping[str, Any], etag: str, version: str, key: str, at: str) -> Upload:
    found = Upload(
        bucket=bucket["name"],
        key=key,
        etag=thing.get(etag, "").strip('"'),
        version=thing.get(version, ""),
        size=int(thing.get("size", 0)),
        at=at,
    )
    if not (found.etag or found.version):
        raise ValueError("the object has neither an ETag nor a version, so nothing tells its contents apart")
    return found
