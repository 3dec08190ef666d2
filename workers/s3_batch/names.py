"""The key of an output."""

from __future__ import annotations

import hashlib
import re

MAX_KEY = 1024  # bytes; source: S3 user guide, object key names
HASHED, MANIFEST = "_hashed/", "_manifest/"  # folders of the destination that no output's name leads to
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")


def output_key(destination: str, name: str) -> str:
    """`<destination><name>` or, where that cannot be, `<destination>_hashed/<SHA-256 of the name><suffix>`.

    It cannot be if it is too long, leads to the frame's own folders, or has a segment of dots: S3 refuses some of
    those, and who copies the destination to a disk must not find files beside it. Different names give different keys.
    """
    key, segments = destination + name, name.split("/")
    own = segments[0] + "/" in (HASHED, MANIFEST)
    if name and not own and len(key.encode()) <= MAX_KEY and not {".", ".."} & set(segments):
        return key
    suffix = _SUFFIX.search(name)
    return f"{destination}{HASHED}{hashlib.sha256(name.encode()).hexdigest()}{suffix[0] if suffix else ''}"
