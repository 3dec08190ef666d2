"""The queue workers of a stack, as its functions know them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaling.decision import Bounds


@dataclass(frozen=True, kw_only=True)
class QueueWorker:
    """
    cluster, service: names of where its tasks run. prefix, suffixes: which keys of the uploads bucket are its work;
    no suffix means any. tenant: which folder below the prefix, counted from 1, names the tenant of a fair queue.
    """

    name: str
    queue_url: str
    queue_name: str
    cluster: str
    service: str
    prefix: str
    suffixes: tuple[str, ...]
    fifo: bool
    tenant: int | None
    bounds: Bounds


def read_workers(file: Path) -> list[QueueWorker]:
    """The catalogue that the deployment writes beside a function's files."""
    entries: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return [
        QueueWorker(
            name=name,
            queue_url=entry["queue_url"],
            queue_name=entry["queue_name"],
            cluster=entry["cluster"],
            service=entry["service"],
            prefix=entry["prefix"],
            suffixes=tuple(entry["suffixes"]),
            fifo=entry.get("fifo", False),
            tenant=entry.get("tenant"),
            bounds=Bounds(
                target=entry["target"], minimum=entry["min"], maximum=entry["max"], cooldown_in=entry["cooldown_in"]
            ),
        )
        for name, entry in sorted(entries.items())
    ]
