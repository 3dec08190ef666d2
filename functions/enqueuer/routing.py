"""Which worker an upload is for, and which message group it belongs to."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from scaling.catalogue import QueueWorker

MAX_GROUP = 128  # characters; letters, digits and punctuation only. Source: SQS API reference, SendMessage
PUNCTUATION = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"  # all but %, which quoting itself needs


def takes(worker: QueueWorker, key: str) -> bool:
    """Whether the key is the worker's work: rules and notifications filter, and are not to be relied on.

    Suffixes are compared without case: cameras write .JPG.
    """
    suffixes = tuple(suffix.lower() for suffix in worker.suffixes)
    return key.startswith(worker.prefix) and (not suffixes or key.lower().endswith(suffixes))


def group(worker: QueueWorker, key: str) -> str | None:
    """The message group; None if the queue knows none.

    The tenant's folder if the worker has tenants, so that one cannot starve the others, else in a FIFO queue the
    key's folder, so that what lies together is processed in order.
    """
    if worker.tenant:
        folders = key.removeprefix(worker.prefix).lstrip("/").split("/")[:-1]
        if len(folders) >= worker.tenant:
            return _allowed(folders[worker.tenant - 1] or "/")
    return _allowed(key.rpartition("/")[0] or "/") if worker.fifo else None


def _allowed(name: str) -> str:
    """The name in characters that SQS takes, different for different names."""
    text = quote(name, safe=PUNCTUATION)
    if len(text) <= MAX_GROUP:
        return text
    digest = hashlib.sha256(name.encode()).hexdigest()
    return text[: MAX_GROUP - len(digest)] + digest
