"""The watchman: every few minutes, a look for runs that were due and that nobody started."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from memory import Memory
from watched_workers import Worker, read_workers
from watching import look

from jobs import JobStore

NAMED_RUNS = 10  # of many missed runs, these say enough

logger = Logger()
workers = read_workers(Path(__file__).parent)
dynamodb: Any = boto3.resource("dynamodb")
store = JobStore(os.environ["JOBS_TABLE"], dynamodb)
memory = Memory(dynamodb.Table(os.environ["JOBS_TABLE"]))
sns, topic = boto3.client("sns"), os.environ["TOPIC_ARN"]


class NotWatched(Exception):
    """Some workers could not be looked at; the others were."""


@logger.inject_lambda_context(clear_state=True)
def handler(_: Any, __: Any) -> None:
    """One round over all workers."""
    now, failed = dt.datetime.fromtimestamp(time.time(), dt.UTC), []
    for worker in workers:
        try:
            watch(worker, now)
        except Exception:  # whatever it is, it is one worker's
            logger.exception("worker not watched", worker=worker.name)
            failed.append(worker.name)
    if failed:
        raise NotWatched(f"not watched: {', '.join(failed)}")


def watch(worker: Worker, now: dt.datetime) -> None:
    """Tell of the worker's missed runs.

    First it is told, then it is remembered: if something fails in between, it is told twice rather than never.
    """
    since = memory.recall(worker, now)
    if since is None or not worker.enabled:
        memory.remember(worker, now, now)  # nothing was due before
        return
    found = look(worker, store, since, now)
    if found.missed:
        tell(worker, found.missed)
    memory.remember(worker, found.settled, now)
    if found.missed:
        publish(worker, len(found.missed))


def tell(worker: Worker, missed: Sequence[dt.datetime]) -> None:
    logger.error("runs missed", worker=worker.name, runs=[at.isoformat() for at in missed[:NAMED_RUNS]])
    lines = [f"The worker {worker.name} was due and was not started:", ""]
    lines += [
        f"{at.astimezone(worker.zone):%Y-%m-%d %H:%M} {worker.zone.key} ({_utc(at)})" for at in missed[:NAMED_RUNS]
    ]
    lines += [f"and {len(missed) - NAMED_RUNS} more"] if len(missed) > NAMED_RUNS else []
    event = json.dumps({"worker": worker.name, "scheduled": _utc(missed[-1])})
    lines += ["", "Why: see the starter's log, and the queue for what was not started.", f"To run it now: {event}"]
    subject = f"{worker.name}: {'a run was' if len(missed) == 1 else f'{len(missed)} runs were'} missed"
    sns.publish(TopicArn=topic, Subject=subject, Message="\n".join(lines))


def publish(worker: Worker, missed: int) -> None:
    """A line in CloudWatch's embedded metric format. The worker is the only dimension: the alarm names no other."""
    found = EphemeralMetrics(service="")
    found.add_dimension("worker", worker.name)
    found.add_metric("MissedRuns", MetricUnit.Count, missed)
    found.flush_metrics()


def _utc(instant: dt.datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
