"""Points in time, as Kubernetes writes them."""

from __future__ import annotations

import datetime as dt


def timestamp(instant: float, zone: dt.tzinfo = dt.UTC) -> str:
    """RFC 3339. instant: seconds of the epoch."""
    text = dt.datetime.fromtimestamp(int(instant), zone).isoformat()
    return text.removesuffix("+00:00") + "Z" if zone is dt.UTC else text
