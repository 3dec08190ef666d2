"""Structured logs and CloudWatch metrics (embedded metric format), both as JSON lines on stdout."""

from __future__ import annotations

import io
import logging
import math
import resource
import sys
from contextlib import suppress
from pathlib import Path
from traceback import extract_tb
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from workers.runtime.settings import Settings

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux


def logger(service: str, **keys: Any) -> Logger:
    """The process's logger; each line carries `keys`. Warnings of libraries become lines of the same kind."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # One write a line: two processes share this stream, and an unbuffered print() writes its newline by itself.
        sys.stdout.reconfigure(line_buffering=True, write_through=False)
    log = Logger(service=service)
    log.append_keys(**keys)
    logging.getLogger(service).propagate = False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(log.registered_formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.captureWarnings(True)
    return log


def metrics(settings: Settings, **properties: Any) -> EphemeralMetrics:
    """Metrics with the dimensions worker and service; `properties` can be searched in the logs, and cost nothing."""
    found = EphemeralMetrics(namespace=settings.metrics_namespace, service=settings.worker)
    found.add_dimension("worker", settings.worker)
    for name, value in properties.items():
        found.add_metadata(name, value)
    return found


def emit(found: EphemeralMetrics, seconds: float | None, **counts: int) -> None:
    """Write one line of metrics: `counts`, and if it took `seconds` that are worth comparing, those and the memory."""
    for name, count in counts.items():
        found.add_metric(name, MetricUnit.Count, count)
    if seconds is not None:
        found.add_metric("Duration", MetricUnit.Seconds, seconds)
        found.add_metric("PeakMemory", MetricUnit.Megabytes, peak_memory_mb())
    found.flush_metrics()


def peak_memory_mb() -> int:
    """Most memory that the worker's process and this one held, in MiB; known once the worker's process has ended."""
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _MAXRSS_UNIT
    return math.ceil(worker / 1024**2) + process_memory()["peak"]


def process_memory() -> dict[str, int]:
    """What this process holds in memory (`rss`) and the most that it held (`peak`), in MiB.

    Not from getrusage() where it can be helped: that counts what started this process as well, up to the exec.
    """
    with suppress(OSError):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        values = dict(line.split(":", 1) for line in lines)
        kib = {name: int(values[name].split()[0]) for name in ("VmRSS", "VmHWM")}
        return {"rss": math.ceil(kib["VmRSS"] / 1024), "peak": math.ceil(kib["VmHWM"] / 1024)}
    peak = math.ceil(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_UNIT / 1024**2)
    return {"rss": peak, "peak": peak}


def stack(error: BaseException) -> list[str]:
    """Where an exception came from: types, files, lines and functions. No messages, since they may quote the input."""
    lines = [type(error).__name__]
    lines += [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines + (["caused by", *stack(cause)] if cause else [])
