"""Lists objects below a prefix and copies them to the scratch volume, without holding any in memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from workers.runtime.clients import client
from workers.sales_report.orders import Unreadable

MAX_BYTES = 5 * 1024**3  # of an object: the scratch volume also holds the orders that are read from it
CHUNK = 1024**2


class Bucket:
    def __init__(self, name: str):
        self.name = name
        self._s3: Any = client("s3")

    def keys(self, prefix: str) -> Iterator[str]:
        """In the order of their bytes."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            yield from (item["Key"] for item in page.get("Contents", ()))

    def copy(self, key: str, path: Path) -> None:
        """Unreadable if the object is too large, gone since it was listed, or in an archive storage class."""
        try:
            answer = self._s3.get_object(Bucket=self.name, Key=key)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("NoSuchKey", "InvalidObjectState"):
                raise Unreadable(f"could not be fetched ({code})") from error
            raise
        if answer["ContentLength"] > MAX_BYTES:
            raise Unreadable(f"has {answer['ContentLength']:,} bytes, more than {MAX_BYTES:,}")
        with path.open("wb") as file:
            shutil.copyfileobj(answer["Body"], file, CHUNK)
