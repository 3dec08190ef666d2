"""One source of the warehouse: extract its rows, give them types, load them for one day."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from workers.etl_processor.bucket import Bucket
from workers.etl_processor.limits import memory
from workers.etl_processor.outcome import NAME, Failure, Outcome, outcome_at
from workers.etl_processor.report import Report
from workers.etl_processor.request import read_request
from workers.etl_processor.sources import extract
from workers.etl_processor.staging import Staging
from workers.etl_processor.warehouse import load
from workers.runtime import BadInput, Context
from workers.runtime.faults import AwsError


def handle(input: dict[str, Any], context: Context) -> dict[str, Any]:
    """Load the source of this index; see worker.yaml for `input`. Whatever becomes of it is in the run's report.

    Columns are found by their names, as columns.normalised has them; others are left out. Empty cells are NULL. A row
    is bad if a cell does not fit its type, or one of the key is empty; of good rows with the same key the last one
    counts.

    BadInput if the source cannot be read, or none of its rows; NotReady if there is nothing to read yet.
    MemoryError if the container is too small.
    """
    try:
        result = _load(input, context)
    except Exception as error:
        try:
            _tell(input, context, error, None)
        except AwsError:
            context.log.warning("the failure could not be reported")
        raise
    _tell(input, context, None, result)
    return result


def _load(input: dict[str, Any], context: Context) -> dict[str, Any]:
    began = time.monotonic()
    request = read_request(input, datetime.now(UTC))
    try:
        with closing(Staging(request, context.workdir)) as staging:
            extract(request, context, staging)
            rows, bad = staging.rows, staging.bad
            if rows and rows == bad.count:
                raise BadInput(f"none of the {rows:,} rows of source {request.name} can be read: {bad.text}")
            loaded = load(staging, request, context)
    except duckdb.OutOfMemoryException as error:
        raise MemoryError(f"{memory() // 1024**2:,} MiB of the container's memory are not enough for DuckDB") from error
    return {
        "source": request.name,
        "day": request.day.isoformat(),
        "rows_read": rows,
        "rows_bad": bad.count,
        "rows_duplicate": rows - bad.count - loaded["rows_loaded"],
        **loaded,
        "bad_rows": bad.places,
        "seconds": round(time.monotonic() - began, 3),
    }


def _tell(input: dict[str, Any], context: Context, error: Exception | None, result: dict[str, Any] | None) -> None:
    """Write the outcome of this attempt, and then the report of all sources."""
    bucket, prefix, source = Bucket(context.results), context.objects.prefix, input["source"]["name"]
    earlier = outcome_at(bucket.read, prefix, source) if context.attempt > 1 else None
    failures: tuple[Failure, ...] = earlier.failures if earlier else ()
    if error:
        reason = str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"
        failures = (*failures, {"attempt": context.attempt, "reason": reason})
    outcome = Outcome(
        source=source,
        attempt=context.attempt,
        final=error is None or isinstance(error, BadInput),
        failures=failures,
        result=result,
    )
    context.objects.write(NAME, outcome.text().encode(), "application/json")
    run, attempts = prefix.rpartition("/")[0], int(os.environ["MAX_ATTEMPTS"])
    Report(bucket, run, _sources(), attempts).publish()


def _sources() -> list[str]:
    """Names, one for each index."""
    return [source["name"] for source in json.loads(Path(os.environ["SOURCES_FILE"]).read_text(encoding="utf-8"))]
