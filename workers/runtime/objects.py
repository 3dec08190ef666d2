"""Reads uploads and writes results, for one job."""

from __future__ import annotations

from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

MIB = 1024**2
RESULT_NAME = "result.json"  # what handle() returned; the runtime writes it


class BadInput(Exception):
    """The input cannot be used, and no further attempt would change that. The message is shown to the caller."""


class Location(TypedDict):
    bucket: str
    key: str


class Objects:
    """The job's way to S3.

    uploads: the bucket that is read when none is named. results: the bucket that is written.
    prefix: `<worker>/<job_id>`; everything is written under it.
    client: an S3 client; by default one is made when it is first needed.
    """

    def __init__(self, *, uploads: str, results: str, prefix: str, client: Any = None):
        self._uploads = uploads
        self._results = results
        self.prefix = prefix
        self._client = client

    @cached_property
    def _s3(self) -> Any:
        if self._client:
            return self._client
        from workers.runtime.clients import client  # boto3 takes a third of a second, and not every worker needs it

        return client("s3")

    def read(self, bucket: str | None, key: str, *, max_bytes: int = 50 * MIB) -> bytes:
        """The content of an object. bucket: None is the uploads bucket.

        `BadInput` if there is no such object, or it has more than max_bytes bytes; other errors of S3 come through.
        """
        from botocore.exceptions import ClientError, ParamValidationError

        where = f"s3://{bucket or self._uploads}/{key}"
        try:
            answer = self._s3.get_object(Bucket=bucket or self._uploads, Key=key)
        except ParamValidationError as error:
            raise BadInput(f"{where} is not the address of an object") from error
        except ClientError as error:
            if self._caller_is_wrong(error, bucket):
                raise BadInput(f"{where} does not exist, or this worker may not read it") from error
            raise
        size = answer["ContentLength"]
        if size > max_bytes:
            raise BadInput(f"{where} has {size:,} bytes; at most {max_bytes:,} are accepted")
        return answer["Body"].read()

    def _caller_is_wrong(self, error: ClientError, bucket: str | None) -> bool:
        """Whether the address is at fault. Trouble with our own uploads bucket is not: another attempt may work."""
        code = error.response["Error"]["Code"]
        if code in ("NoSuchKey", "KeyTooLongError", "404"):
            return True
        return bucket not in (None, self._uploads) and code in ("NoSuchBucket", "AccessDenied", "PermanentRedirect")

    def write(self, name: str, data: bytes, content_type: str) -> Location:
        """Store data as `<worker>/<job_id>/<name>` in the results bucket; a later attempt overwrites it.

        ValueError if the name is absolute, not in its plainest form, leads elsewhere, or is `result.json`.
        """
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or str(path) != name or name in (".", RESULT_NAME):
            raise ValueError(f"{name!r} is not a name that a job can write to")
        key = f"{self.prefix}/{name}"
        self._s3.put_object(Bucket=self._results, Key=key, Body=data, ContentType=content_type)
        return {"bucket": self._results, "key": key}
