"""A section of the demonstration: fifty sources as indexes of one Kubernetes Job, one of them late, one damaged."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sandbox.check import console
from sandbox.demo_scene import Outcome, Scene
from sandbox.kubernetes_workers import KubernetesWorker, kubernetes_workers
from sandbox.scheduled_workers import NotStarted

WORKER = "etl_processor"
FACTOR = 10  # of the clock meanwhile, so that the pause after a failure, ten seconds and more, takes one
FAILURES = 2  # of the late source, until its data is there
POLL_SECONDS, PATIENCE_SECONDS = 0.1, 240


def sources(scene: Scene) -> Outcome | None:
    """None if the stack does without the worker."""
    worker = kubernetes_workers(scene.cloud).get(WORKER)
    if worker is None:
        return None
    console.rule("Fifty sources in Kubernetes")
    try:
        with _hurried(scene):
            return _Demonstration(scene, worker).outcome()
    except NotStarted as error:
        return Outcome([], [f"{WORKER}: {error}"])


@contextmanager
def _hurried(scene: Scene) -> Iterator[None]:
    clock = scene.cloud.compute.clock
    before, clock.factor = clock.factor, FACTOR
    try:
        yield
    finally:
        clock.factor = before


class _Demonstration:
    def __init__(self, scene: Scene, worker: KubernetesWorker):
        self._s3, self._worker = scene.cloud.client("s3"), worker
        self._results = scene.deployment.run.exports["resultsBucket"]

    def outcome(self) -> Outcome:
        from workers.etl_processor.sample_sources import DAMAGED, LATE

        began = time.monotonic()
        self._upload(late=False)
        job = self._worker.start(None)
        console.print(f"  Job {job}", markup=False)
        ended = self._ended(job, LATE)
        if ended["end"] is None:
            return Outcome([], [f"{WORKER}: not done after {PATIENCE_SECONDS} s"])
        prefix = f"{WORKER}/{job}"
        for line in self._read(f"{prefix}/report.md").decode().partition("\n## Rows left out")[0].splitlines():
            console.print(f"  {line}", markup=False)
        report = json.loads(self._read(f"{prefix}/report.json"))
        rows, stored = _rows(report), self._stored(report)
        problems = [*_misreported(report, LATE, DAMAGED)]
        if rows != stored:
            problems.append(f"{WORKER}: the report counts {rows:,} rows, and {stored:,} are stored")
        right = "they differ from what is stored" if problems else f"the same as the {stored:,} that are stored"
        return Outcome(
            [
                f"[bold]Kubernetes[/]: {report['succeeded']} of {report['sources']} sources loaded in "
                f"{time.monotonic() - began:.0f} s; their rows: {right}.",
                f"  {LATE} failed twice before its data came, and was loaded; {DAMAGED} fails for ever, and its "
                f"report says why: {prefix}/report.md",
            ],
            problems,
        )

    def _upload(self, *, late: bool) -> None:
        from workers.etl_processor.sample_sources import write

        with TemporaryDirectory() as folder:
            for path in write(Path(folder), late=late):
                key = path.relative_to(folder).as_posix()
                self._s3.put_object(Bucket=self._worker.uploads(), Key=key, Body=path.read_bytes())

    def _ended(self, job: str, late: str) -> Mapping[str, Any]:
        """The Job at its end; the late source's data is uploaded on the way."""
        deadline, came = time.monotonic() + PATIENCE_SECONDS, False
        while True:
            outcome = self._worker.outcome(job)
            if not came and any(p["source"] == late and p["failures"] >= FAILURES for p in outcome["parts"]):
                self._upload(late=True)
                came = True
                console.print(f"  {late} has failed {FAILURES} times; now its data is uploaded", markup=False)
            if outcome["end"] or time.monotonic() > deadline:
                return outcome
            time.sleep(POLL_SECONDS)

    def _stored(self, report: Mapping[str, Any]) -> int:
        """Rows in the warehouse's files that the report names."""
        import duckdb

        places = [one["where"] for one in report["outcomes"] if one["state"] == "succeeded"]
        with TemporaryDirectory() as folder:
            for number, place in enumerate(places):
                Path(folder, f"{number}.parquet").write_bytes(self._read(place.partition(f"{self._results}/")[2]))
            query = "select count(*) from read_parquet(?)"
            [(count,)] = duckdb.execute(query, [f"{folder}/*.parquet"]).fetchall()
        return count

    def _read(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=self._results, Key=key)["Body"].read()


def _rows(report: Mapping[str, Any]) -> int:
    return sum(one.get("rows_loaded", 0) for one in report["outcomes"])


def _misreported(report: Mapping[str, Any], late: str, damaged: str) -> Iterator[str]:
    missing = [one["source"] for one in report["outcomes"] if one["state"] != "succeeded"]
    if missing != [damaged]:
        yield f"{WORKER}: not loaded are {', '.join(missing) or 'none'}, and only {damaged} is damaged"
    again = {one["source"]: len(one["failures"]) for one in report["outcomes"] if one.get("failures")}
    if again.get(late) != FAILURES:
        yield f"{WORKER}: of {late} the report tells {again.get(late, 0)} failures instead of {FAILURES}"
