"""The scheduled workers, as the watchman knows them, and when their runs are due."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from schedules import Cron, Rate, Timetable, parse


@dataclass(frozen=True, kw_only=True)
class Worker:
    """
    window: how long after it is due a run may begin. start, end: no run is due before or after; None for no bound.
    enabled: whether any run is due. schedule: the same as long as all of this is the same.
    """

    name: str
    expression: Cron | Rate
    zone: ZoneInfo
    window: dt.timedelta
    start: dt.datetime | None
    end: dt.datetime | None
    enabled: bool
    schedule: str

    def due_after(self, instant: dt.datetime) -> Iterator[dt.datetime]:
        """When runs are due after an instant, ascending, in UTC. A rate counts from that instant, or from its start."""
        start = self.start if self.start and self.start > instant else None
        return Timetable(self.expression, self.zone, instant, start, self.end).after(instant)


def read_workers(folder: Path) -> list[Worker]:
    """From the catalogue and the zones that the deployment writes beside the function's files."""
    zones = {
        name: ZoneInfo.from_file(io.BytesIO(base64.b64decode(content)), key=name)
        for name, content in json.loads((folder / "zones.json").read_text(encoding="utf-8")).items()
    }
    entries = json.loads((folder / "catalogue.json").read_text(encoding="utf-8"))
    return [_worker(name, entry, zones) for name, entry in sorted(entries.items())]


def _worker(name: str, entry: Mapping[str, Any], zones: Mapping[str, ZoneInfo]) -> Worker:
    return Worker(
        name=name,
        expression=parse(entry["expression"]),
        zone=zones[entry["timezone"]],
        window=dt.timedelta(seconds=entry["window_seconds"]),
        start=dt.datetime.fromisoformat(entry["start"]) if entry["start"] else None,
        end=dt.datetime.fromisoformat(entry["end"]) if entry["end"] else None,
        enabled=entry["enabled"],
        schedule=hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:16],
    )
