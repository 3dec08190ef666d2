"""What a result says of the rows."""

from __future__ import annotations

from typing import Any

from workers.data_processor.aggregate import Counts
from workers.data_processor.bad_rows import BadRows
from workers.runtime import BadInput


def summary(counts: Counts, bad: BadRows) -> dict[str, Any]:
    return {
        "rows": counts.rows,
        "rows_kept": counts.kept,
        "rows_filtered": counts.rows - counts.kept - counts.bad,
        "bad_rows": {"count": counts.bad, "places": bad.places},
    }


def no_rows(source: str) -> BadInput:
    return BadInput(f"{source} has no rows")
