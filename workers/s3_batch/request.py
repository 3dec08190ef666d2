"""A job's input → which objects, and where to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workers.runtime import BadInput

SOURCE, DESTINATION = "inbox/", "archive/"  # unless the input says
OWN = "s3_batch/"  # what the worker writes lies below it in the results bucket
MAX_SOURCE, MAX_DESTINATION = 500, 200  # characters
_DESTINATION = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*/)+")


@dataclass(frozen=True)
class Request:
    """source: prefix of the objects' keys in the uploads bucket; "" for all.

    destination: prefix of what is made of them, in the results bucket; ends with a slash.
    """

    source: str
    destination: str


def read_request(input: Mapping[str, Any]) -> Request:
    """See worker.yaml for `input`. BadInput for a prefix that can only be meant otherwise."""
    source, destination = input.get("source", SOURCE), input.get("destination", DESTINATION)
    if source.startswith("s3://"):
        raise BadInput(f"source {source!r} must be a prefix of keys in the uploads bucket, such as inbox/")
    if source and (source.startswith("/") or not source.endswith("/")):
        raise BadInput(f"source {source!r} must be like inbox/: with a slash at its end and none at its beginning")
    if not source.isprintable() or len(source) > MAX_SOURCE:
        raise BadInput(f"source {source!r} has characters that cannot be seen, or more than {MAX_SOURCE}")
    if not _DESTINATION.fullmatch(destination) or len(destination) > MAX_DESTINATION:
        raise BadInput(
            f"destination {destination!r} must be like archive/2026/: names of ASCII letters, digits and . _ - that "
            f"begin with a letter or digit, each with a slash after it, of {MAX_DESTINATION} characters at most"
        )
    return Request(source, OWN + destination)
