"""A section of the demonstration: a big job in parts, urgent work that overtakes it, and faults on the way."""

from __future__ import annotations

import csv
import io
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from batchctl.batch_jobs import names_of
from batchjobs import Clients, Jobs, Progress, Refused
from components.site import Site
from components.stackfile import NAMESPACE
from sandbox.check import console
from sandbox.compute.batch.job import Job
from sandbox.demo_scene import Outcome, Scene
from sandbox.invented import ACCOUNT, PARTITION

WORKER, URGENT = "data_processor", "urgent"
ROWS, SEED = 200_000, 1
PARTS = 4
KEY = "lines/demo.csv"
RECLAIMED, STARVED = 0, 1  # parts that meet a fault
LOOK_SECONDS, PATIENCE_SECONDS = 0.05, 120


def big_job(scene: Scene) -> Outcome | None:
    """None if the stack does without the worker, or without a queue for urgent jobs."""
    workers = {worker.name for worker in scene.settings.workers if worker.manifest.trigger.batch}
    if WORKER not in workers or URGENT not in scene.settings.batch.queues:
        return None
    console.rule("A big job on AWS Batch")
    try:
        return _Demonstration(scene).outcome()
    except Refused as error:
        return Outcome([], [f"{WORKER}: {error}"])


class _Demonstration:
    def __init__(self, scene: Scene):
        self._cloud, self._exports = scene.cloud, scene.deployment.run.exports
        site = Site(NAMESPACE, scene.settings.stack, ACCOUNT, scene.settings.region, PARTITION)
        batch, s3, logs = (self._cloud.client(service) for service in ("batch", "s3", "logs"))
        clients = Clients(batch=batch, submitting=batch, s3=s3, logs=logs, dynamodb=self._cloud.resource("dynamodb"))
        self._jobs = Jobs(clients, names_of(site), sleep=lambda _: time.sleep(LOOK_SECONDS))
        self._submitted: dict[str, str] = {}

    def outcome(self) -> Outcome:
        should = self._put_lines()
        asked = {"key": KEY, "group_by": ["region"], "measures": [{"op": "count"}, {"op": "sum", "column": "amount"}]}
        array = self._submit("array", asked, key="demo", array=PARTS)
        self._when_running(array, RECLAIMED, self._cloud.compute.batch.reclaim)
        urgent = self._submit("urgent", asked, key="demo-urgent", array=1, queue=URGENT)
        self._when_running(array, STARVED, self._cloud.compute.batch.exhaust)
        merge = {"merge": {"prefix": f"{WORKER}/demo/"}}
        self._submit("merge, after the array", merge, key="demo-merge", array=1, after=[array])
        ended = {one: self._ended(what, one) for what, one in self._submitted.items()}
        if failed := [one for one, progress in ended.items() if progress.status != "SUCCEEDED"]:
            return Outcome([], [f"{WORKER}, job {one}: {self._jobs.why(one) or ended[one].status}" for one in failed])
        found = self._merged("demo-merge")
        problems = [
            f"{WORKER}: {region} has {found.get(region)} instead of {what}"
            for region, what in should.items()
            if found.get(region) != what
        ]
        overtaken = self._overtaken(urgent, array)
        attempts = [len(job.attempts) for job in self._parts(array)]
        if not overtaken:
            problems.append("the urgent job did not overtake the parts that waited")
        if attempts != [2 if part == RECLAIMED else 1 for part in range(PARTS)]:
            problems.append(f"the parts took {attempts} attempts; only part {RECLAIMED} was reclaimed")
        before, after = (f"{memory / 1024:g} GB" for memory in ended[array].memory)
        if len(ended[array].jobs) != 2:
            problems.append(f"part {STARVED} lacked memory and was not submitted again")
        right = "they differ from the rows" if problems else "the same as those of the rows"
        return Outcome(
            [
                f"[bold]Big job[/]: {ROWS:,} rows in {PARTS} parts, merged; the totals: {right}.",
                f"  An urgent job overtook {overtaken} of {PARTS} parts. Two faults were made: part {RECLAIMED} was "
                f"reclaimed and ran again alone; part {STARVED} lacked memory and moved up a tier: {before}, {after}.",
            ],
            problems,
        )

    def _put_lines(self) -> dict[str, tuple[int, Decimal]]:
        """Upload the rows; by region how many there are and what they amount to."""
        luck = random.Random(SEED)
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(["id", "region", "amount"])
        count, total = Counter[str](), defaultdict[str, Decimal](Decimal)
        for number in range(ROWS):
            region, cents = luck.choice(("north", "east", "south", "west")), luck.randrange(1, 100_000)
            table.writerow([number, region, f"{cents / 100:.2f}"])
            count[region] += 1
            total[region] += Decimal(cents) / 100
        self._cloud.client("s3").put_object(
            Bucket=self._exports["uploadsBucket"], Key=KEY, Body=text.getvalue().encode()
        )
        return {region: (count[region], total[region]) for region in count}

    def _submit(self, what: str, input: Mapping[str, Any], **more: Any) -> str:
        """The job's id."""
        submitted = self._jobs.submit(WORKER, input, **more)
        parts = f" in {submitted.size} parts" if submitted.size > 1 else ""
        console.print(f"  {what}: {WORKER}{parts}; {submitted.reason}", markup=False)
        self._submitted[what] = submitted.job_id
        return submitted.job_id

    def _when_running(self, array: str, part: int, fault: Callable[[Job], None]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for job, _ in self._cloud.compute.batch.running():
                if job.id == f"{array}:{part}":
                    fault(job)
                    return
            time.sleep(LOOK_SECONDS)

    def _ended(self, what: str, job_id: str) -> Progress:
        """Show how it goes on, until it has ended or nobody waits any longer."""
        shown = ""

        def show(progress: Progress) -> None:
            nonlocal shown
            if progress.text != shown:
                shown = progress.text
                console.print(f"  {what}: {shown}", markup=False)

        return self._jobs.wait(job_id, show, PATIENCE_SECONDS)

    def _parts(self, array: str) -> list[Job]:
        batch = self._cloud.compute.batch
        return [job for part in range(PARTS) if (job := batch.get(f"{array}:{part}"))]

    def _overtaken(self, urgent: str, array: str) -> int:
        """Parts that had been submitted before the urgent job, and began after it."""
        job = self._cloud.compute.batch.get(urgent)
        assert job
        began = [part.started_at or 0 for part in self._parts(array)]
        return sum(at > (job.started_at or 0) for at in began)

    def _merged(self, key: str) -> dict[str, tuple[int, Decimal]]:
        """By region: rows, and sum of their amounts."""
        place = f"{WORKER}/{key}/result.json"
        answer = self._cloud.client("s3").get_object(Bucket=self._exports["resultsBucket"], Key=place)
        result = json.load(answer["Body"])
        return {line["region"]: (line["count"], Decimal(line["sum_amount"])) for line in result["totals"]}
