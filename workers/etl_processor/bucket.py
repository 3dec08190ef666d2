"""Objects in a bucket: lists them, copies them to the scratch volume, writes files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from workers.etl_processor.ready import NotReady
from workers.runtime import BadInput
from workers.runtime.clients import client

CHUNK = 1024**2  # bytes
_CHANGED = {"NoSuchKey": "is gone", "PreconditionFailed": "has changed"}


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

    def list(self, prefix: str) -> list[Object]:
        """In the order of the bytes of their keys; without folders."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        found = (item for page in pages for item in page.get("Contents", ()))
        return [Object(item["Key"], item["ETag"], item["Size"]) for item in found if not item["Key"].endswith("/")]

    def read(self, key: str) -> bytes | None:
        """None if there is no such object."""
        try:
            return self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    def fetch(self, found: Object, path: Path) -> None:
        """NotReady if it is not what was listed; BadInput if it lies in an archive."""
        try:
            answer = self._s3.get_object(Bucket=self.name, Key=found.key, IfMatch=found.etag)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _CHANGED:
                raise NotReady(f"{self.address(found.key)} {_CHANGED[code]} since it was listed") from error
            if code == "InvalidObjectState":
                raise BadInput(
                    f"{self.address(found.key)} lies in an archive storage class; restore it first"
                ) from error
            raise
        with path.open("wb") as file:
            shutil.copyfileobj(answer["Body"], file, CHUNK)

    def put(self, key: str, body: bytes, content_type: str) -> None:
        self._s3.put_object(Bucket=self.name, Key=key, Body=body, ContentType=content_type)

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Write a file of any size: the object is there whole or not at all."""
        self._s3.upload_file(str(path), self.name, key, ExtraArgs={"ContentType": content_type})
