"""The load generator: puts objects into the uploads bucket as fast or as evenly as a test wants them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path, PurePosixPath
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from objects import maker
from schedule import BadRequest, read_load

from scaling.catalogue import QueueWorker, read_workers

THREADS = 16
RESERVE_SECONDS = 5  # of the invocation, for what is under way and for the answer
FOLDERS = 10  # so that there are several message groups and several tenants

logger = Logger()
workers = {worker.name: worker for worker in read_workers(Path(__file__).parent / "catalogue.json")}
bucket = os.environ["UPLOADS_BUCKET"]
s3 = boto3.client("s3", config=Config(max_pool_connections=THREADS, retries={"mode": "standard"}))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Takes `{"num_messages": 20}` or `{"rate": 20, "duration": 600, "shape": "alternating"}`, with the name of a
    `worker` where there are several, and with the key of a `sample` that is to be copied instead of made.

    Answers how many objects it put below `prefix`, how many failed, how long it took, and whether its time sufficed.
    """
    worker = _worker(event.get("worker"))
    load = read_load(event)
    suffix, put = _putter(worker, event.get("sample"))
    run = context.aws_request_id[:8]
    start = time.monotonic()
    futures: list[Future[None]] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for number, instant in enumerate(load.instants):
            pause = max(0.0, start + instant - time.monotonic())
            if pause >= _seconds_left(context):
                break
            time.sleep(pause)
            key = f"{worker.prefix}load-{number % FOLDERS}/{run}-{number:05d}{suffix}"
            futures.append(pool.submit(put, key, number))
        wait(futures, timeout=_seconds_left(context))
        pool.shutdown(cancel_futures=True)  # what still waits for a thread is not begun
    errors = [error for future in futures if not future.cancelled() and (error := future.exception())]
    done = sum(not future.cancelled() for future in futures) - len(errors)
    answer = {
        "worker": worker.name,
        "shape": load.shape,
        "asked": len(load.instants),
        "put": done,
        "failed": len(errors),
        "complete": done == len(load.instants),
        "prefix": f"{worker.prefix}load-",
        "run": run,
        "seconds": round(time.monotonic() - start, 3),
    }
    if errors:
        answer["error"] = str(errors[0])
    logger.info("load generated", extra=answer)
    return answer


def _seconds_left(context: Any) -> float:
    return max(0.0, context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS)


def _worker(name: Any) -> QueueWorker:
    if name is None and len(workers) == 1:
        return next(iter(workers.values()))
    if name not in workers:
        raise BadRequest(f"worker is {name!r}; it may be {', '.join(workers)}")
    return workers[name]


def _putter(worker: QueueWorker, sample: Any) -> tuple[str, Callable[[str, int], None]]:
    """The suffix of the keys, and what puts the object of a number under a key."""
    if sample is None:
        suffix, make = maker(worker.suffixes)

        def put(key: str, number: int) -> None:
            s3.put_object(Bucket=bucket, Key=key, Body=make(number))

        return suffix, put
    if not isinstance(sample, str) or not sample:
        raise BadRequest(f"sample is {sample!r}; it must be the key of an object in {bucket}")
    suffix = next((suffix for suffix in worker.suffixes if sample.lower().endswith(suffix.lower())), None)
    if suffix is None and worker.suffixes:
        raise BadRequest(f"{worker.name} takes keys that end with {', '.join(worker.suffixes)}, unlike {sample!r}")
    source: Mapping[str, str] = {"Bucket": bucket, "Key": sample}

    def copy(key: str, _: int) -> None:
        # Tags stay behind: to read them would take one permission more.
        s3.copy_object(Bucket=bucket, Key=key, CopySource=source, TaggingDirective="REPLACE")

    return suffix or PurePosixPath(sample).suffix, copy
