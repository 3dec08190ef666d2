"""Files of time zones, for code that runs where there are none."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from importlib.resources import files


def zone_files(names: Iterable[str]) -> dict[str, str]:
    """IANA name → TZif file in base64. From the tzdata package, not from the machine: a deployment follows its pin.

    FileNotFoundError for a zone that the package does not know.
    """
    root = files("tzdata").joinpath("zoneinfo")
    return {
        name: base64.b64encode(root.joinpath(*name.split("/")).read_bytes()).decode() for name in sorted(set(names))
    }
