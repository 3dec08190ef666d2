"""A burst of uploads: a service wakes, scales, drains and returns to where it began, while somebody watches.

One file is broken. It ends in the dead-letter queue, is mended under its key, redriven, and its result appears.
"""

from __future__ import annotations

import io
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from rich.live import Live
from rich.markup import escape
from rich.table import Table

from batchctl.letters import DeadLetters, Letter
from batchctl.proof import result_is_there
from batchctl.redrive import Wish, redrive
from jobs.cost import fargate_usd
from sandbox.check import console
from sandbox.cloud import Cloud
from sandbox.compute.services import Kept
from sandbox.program import ProgramError
from sandbox.queue_workers import queue_workers

FACTOR = 30  # of the clock while there is work: a task's start takes about as long as on Fargate, half a minute
IDLE_FACTOR = 240  # while there is nothing to see but cooldowns
PATIENCE_SECONDS = 90  # real ones, for each phase
POLL_SECONDS = 0.1
UPLOADS_AT_ONCE = 4
SQS_USD = 0.40e-6  # a request to a standard queue. Source: Amazon SQS pricing, us-east-1, 2026-11
OF_TASKS = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")  # and their batches


@dataclass(frozen=True)
class Files:
    """Uploads by name, below the worker's prefix; `broken` is the name of the one that the worker will refuse."""

    contents: dict[str, bytes]
    broken: str
    mended: bytes


@dataclass(frozen=True)
class Sample:
    """How things stood. at: seconds of the clock since the first upload."""

    at: float
    desired: int
    running: int
    waiting: int
    in_flight: int
    dead: int


@dataclass(frozen=True)
class Report:
    """What happened. Seconds are the clock's, except real_seconds.

    first_task: from the first upload until a task runs that was started for it. drain: to the last message gone.
    idle: until no more tasks run than before, which is `least`. tasks: how many have run; most: how many at once.
    requests: to SQS by the tasks until it was drained, by action; messages: that they were for. reason: why the broken
    file was refused. redriven: whether its result is there. cost_usd: of tasks and of all requests to SQS. lost:
    results that are not there.
    """

    uploads: int
    first_task: float
    drain: float
    idle: float
    least: int
    tasks: int
    most: int
    messages: int
    requests: dict[str, int]
    reason: str
    redriven: bool
    lost: int
    cost_usd: float
    real_seconds: float
    samples: tuple[Sample, ...]

    @property
    def requests_per_message(self) -> float:
        return sum(self.requests.values()) / self.messages


def images(count: int = 100, seed: int = 1) -> Files:
    """Small JPEG photographs that are none, the same for each seed; the last one is cut off in its header."""
    from PIL import Image, ImageDraw

    chance, contents = random.Random(seed), {}
    for number in range(count):
        image = Image.linear_gradient("L").resize((320, 240)).convert("RGB")
        draw = ImageDraw.Draw(image)
        for _ in range(8):
            x, y = chance.randrange(320), chance.randrange(240)
            colour = tuple(chance.randrange(256) for _ in range(3))
            draw.ellipse((x, y, x + chance.randrange(20, 120), y + chance.randrange(20, 120)), fill=colour)
        data = io.BytesIO()
        image.save(data, "JPEG", quality=80)
        contents[f"burst-{number:03}.jpg"] = data.getvalue()
    broken = f"burst-{count - 1:03}.jpg"
    mended = contents[broken]
    return Files(contents | {broken: mended[:20]}, broken, mended)


def burst(cloud: Cloud, worker: str, files: Files) -> Report:
    """Upload the files, and watch until the service has its few tasks again and the broken one has its result.

    The clock is hurried meanwhile, and as before afterwards.
    worker: one of `queue_workers`. Raises ProgramError if nothing goes on for too long.
    """
    clock = cloud.compute.clock
    before, clock.factor = clock.factor, FACTOR
    try:
        with Live(console=console, auto_refresh=False) as live:
            return _Burst(cloud, worker, files, _shower(live)).run()
    finally:
        clock.factor = before


def summary(report: Report) -> list[str]:
    """What happened, a sentence or two a line, for people."""
    listed = ", ".join(f"{action} {n}" for action, n in sorted(report.requests.items()))
    woken, left = ("first further", f"back at {report.least} running") if report.least else ("first", "no task")
    mended = "its result appeared" if report.redriven else "no result appeared"
    return [
        f"[bold]Burst[/]: {report.uploads} uploads, one of them broken; times by the sandbox's clock, hurried "
        f"{FACTOR}-fold.",
        f"Time to the {woken} running task: {report.first_task:.0f} s; drained after {report.drain:.0f} s; "
        f"{left} after {report.idle:.0f} s.",
        f"Tasks: {report.tasks} used, {report.most} at once.",
        f"SQS requests a message, by the tasks: {report.requests_per_message:.2f} ({listed}).",
        f"The broken file: {escape(report.reason or 'no reason given')}; mended and redriven, {mended}.",
        f"On AWS: ${report.cost_usd:.6f} for tasks and SQS (us-east-1 list price, Spot at 70 % off).",
    ]


class _Burst:
    def __init__(self, cloud: Cloud, worker: str, files: Files, show: Callable[[Sample], None]):
        self._cloud, self._compute, self._worker, self._files, self._show = cloud, cloud.compute, worker, files, show
        here = queue_workers(cloud)[worker]
        self._here, self._service = here, here.service
        self._least = self._service.model.desired_count
        self._queue, self._dead_letters, self._prefix = here.queue, here.dead_letters, here.trigger.prefix
        self._s3, self._sqs = cloud.client("s3"), cloud.client("sqs")
        self._samples: list[Sample] = []
        self._start = 0.0

    def run(self) -> Report:
        began = time.monotonic()
        known, requests_before = set(self._service.tasks), Counter(self._compute.queues.requests)
        results_before = self._results()
        self._start = self._compute.clock.now()
        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
            uploads = [pool.submit(self._upload, *file) for file in self._files.contents.items()]
            first = self._until(lambda: any(kept not in known for kept in self._ran()), "no task was started")
        for upload in uploads:
            upload.result()
        drain = self._until(self._is_drained, "the queue was not drained")
        requests = self._compute.queues.requests - requests_before
        results = len(self._results() - results_before)
        self._compute.clock.factor = IDLE_FACTOR
        idle = self._until(self._is_idle, "tasks were left")
        self._compute.clock.factor = FACTOR
        letter = self._mend()
        requests_of_all = self._compute.queues.requests - requests_before
        tasks = self._ran()
        return Report(
            uploads=len(self._files.contents),
            first_task=first,
            drain=drain,
            idle=idle,
            least=self._least,
            tasks=len(tasks),
            most=max(sample.running for sample in self._samples),
            messages=len(self._files.contents),
            requests=self._of_tasks(requests),
            reason=letter.reason if letter else "",
            redriven=letter is not None and self._is_done(letter),
            lost=len(self._files.contents) - 1 - results,
            cost_usd=sum(map(self._cost, tasks)) + SQS_USD * sum(requests_of_all.values()),
            real_seconds=time.monotonic() - began,
            samples=tuple(self._samples),
        )

    def _mend(self) -> Letter | None:
        """Put a good file in the broken one's place and redrive its message; None if there was no such letter."""
        sent: list[Letter] = []

        def is_done(letter: Letter) -> bool:
            sent.append(letter)
            return self._is_done(letter)

        self._upload(self._files.broken, self._files.mended)
        redrive(DeadLetters(self._sqs, self._queue), Wish(key=self._prefix + self._files.broken), is_done)
        self._until(self._is_drained, "the queue was not drained after the redrive")
        return sent[0] if sent else None

    def _until(self, condition: Callable[[], object], problem: str) -> float:
        """Wait for it, and watch; seconds of the clock since the first upload."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise ProgramError(f"{self._worker}: {problem} within {PATIENCE_SECONDS} seconds.")
            self._look()
            time.sleep(POLL_SECONDS)
        self._look()
        return self._compute.clock.now() - self._start

    def _look(self) -> None:
        queues = self._compute.queues
        waiting, in_flight = queues.backlog(self._queue)
        sample = Sample(
            self._compute.clock.now() - self._start,
            self._service.model.desired_count,
            sum(kept.running for kept in self._service.tasks),
            waiting,
            in_flight,
            sum(queues.backlog(self._dead_letters)),
        )
        last = self._samples[-1] if self._samples else None
        if last is None or replace(sample, at=last.at) != last:
            self._samples.append(sample)
            self._show(sample)

    def _is_idle(self) -> bool:
        return sum(kept.running for kept in self._service.tasks) <= self._least

    def _is_drained(self) -> bool:
        return self._compute.asynchronous.settle(0) and sum(self._compute.queues.backlog(self._queue)) == 0

    def _upload(self, name: str, content: bytes) -> None:
        self._s3.put_object(Bucket=self._here.uploads, Key=self._prefix + name, Body=content)

    def _results(self) -> set[str]:
        """Keys of the worker's results."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._here.results, Prefix=f"{self._worker}/")
        keys = {thing["Key"] for page in pages for thing in page.get("Contents", [])}
        return {key for key in keys if key.endswith("/result.json")}

    def _is_done(self, letter: Letter) -> bool:
        return result_is_there(self._s3, self._here.results, self._worker, letter)

    def _ran(self) -> list[Kept]:
        """Tasks that have run since the burst began."""
        return [
            kept
            for kept in self._service.tasks
            if kept.started is not None and (kept.stopped is None or kept.stopped > self._start)
        ]

    def _of_tasks(self, requests: Counter[tuple[str, str]]) -> dict[str, int]:
        return {
            action: n
            for (queue, action), n in requests.items()
            if queue == self._queue and action.removesuffix("Batch") in OF_TASKS
        }

    def _cost(self, kept: Kept) -> float:
        ended = self._compute.clock.now() if kept.stopped is None else kept.stopped
        environment = self._here.environment
        return fargate_usd(
            vcpu=float(environment["VCPU"]),
            memory_gb=float(environment["MEMORY_GB"]),
            seconds=ended - max(kept.started or ended, self._start),
            architecture=environment["ARCHITECTURE"],
            spot=kept.provider == "FARGATE_SPOT",
        )


def _shower(live: Live) -> Callable[[Sample], None]:
    """On a terminal a table that changes, elsewhere a line whenever the number of tasks does."""
    shown: list[tuple[int, int, int]] = []

    def show(sample: Sample) -> None:
        counts = (sample.desired, sample.running, sample.dead)
        if console.is_terminal:
            live.update(_table(sample), refresh=True)
        elif not shown or shown[-1] != counts:
            console.print(
                f"  {sample.at:5.0f} s  desired {sample.desired:2}  running {sample.running:2}  "
                f"waiting {sample.waiting:3}  in flight {sample.in_flight:3}  dead letters {sample.dead}"
            )
        shown.append(counts)

    return show


def _table(sample: Sample) -> Table:
    table = Table("Clock", "Desired", "Running", "", "Waiting", "In flight", "Dead letters", box=None, pad_edge=False)
    bar = "[green]" + "█" * sample.running + "[/][yellow]" + "░" * max(0, sample.desired - sample.running) + "[/]"
    counts = (sample.waiting, sample.in_flight, sample.dead)
    table.add_row(f"{sample.at:.0f} s", str(sample.desired), str(sample.running), bar, *map(str, counts))
    return table
