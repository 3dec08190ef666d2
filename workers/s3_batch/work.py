"""Works off what is to be done: several objects at a time, as many as the scratch volume holds, until time is up."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from workers.runtime import Context, Downstream
from workers.runtime.faults import AwsError
from workers.runtime.telemetry import stack
from workers.s3_batch.bucket import Bucket
from workers.s3_batch.items import Denied, Done, Item, Output, Process, Source, Unprocessed, timestamp
from workers.s3_batch.journal import PART_SECONDS, Journal
from workers.s3_batch.ledger import Ledger
from workers.s3_batch.outputs import MAX_BYTES, Outputs

IN_FLIGHT = 8  # objects: the work is to wait for S3, mostly
ROOM = 2.5  # times its size that an object may take on the scratch volume, with its outputs
SHARE = 0.8  # of the scratch volume that all of them may take; the rest is for the ledger
SHOWN = 20  # failures
MAX_DENIED = 100  # objects, after which it is clear that the worker may read none
CLOSING_SECONDS, CLOSING_RATE = 30.0, 10_000  # what the end takes: seconds, and listed objects per second
MAX_REASON = 500  # characters


class Handling:
    """What happens to one object, in a thread of its own. prefix: of the sources' keys."""

    def __init__(self, source: Bucket, prefix: str, process: Process, outputs: Outputs, run: str, scratch: Path):
        self._source = source
        self._prefix = prefix
        self._process = process
        self._outputs = outputs
        self._run = run
        self._scratch = scratch

    def __call__(self, item: Item) -> Done:
        """Unprocessed if it is up to the object; errors of S3 and of what else the process needs come through."""
        with TemporaryDirectory(dir=self._scratch) as folder:
            content, made = Path(folder, "content"), Path(folder, "outputs")
            made.mkdir()
            try:
                fetched = self._source.fetch(item, content)
            except OSError as error:
                raise _unprocessed(error) from error
            name = item.key.removeprefix(self._prefix)
            outputs = list(self._process_one(Source(content, name, fetched.content_type), made))
            written = self._outputs.write(item, fetched.sha256, outputs)
        return Done(item, fetched.sha256, written, timestamp(datetime.now(UTC)), self._run)

    def _process_one(self, source: Source, made: Path) -> Iterator[Output]:
        try:
            yield from self._process(source, made)
        except (*AwsError, Downstream):
            raise
        except Exception as error:
            raise _unprocessed(error) from error


def _unprocessed(error: Exception) -> Unprocessed:
    return Unprocessed(f"{type(error).__name__}: {error}"[:MAX_REASON])


class Work:
    """The objects of a run."""

    def __init__(self, ledger: Ledger, journal: Journal, handling: Handling, context: Context):
        self._ledger = ledger
        self._journal = journal
        self._handling = handling
        self._context = context
        self._room = shutil.disk_usage(context.workdir).free * SHARE
        # What it takes to write manifest and ledger; less, and they are at risk, where the timeout is short.
        self._closing = min(CLOSING_SECONDS + ledger.size() / CLOSING_RATE, context.remaining_seconds() / 4)
        self._pending: dict[Future[Done], Item] = {}
        self._tried = self._failed = self._denied = 0

    def run(self) -> None:
        """Returns when every object is done or has failed, or in time before the timeout.

        Errors that would hit the other objects, too, come through; so does AccessDenied if no object could be read.
        """
        pool = ThreadPoolExecutor(IN_FLIGHT)
        try:
            for item in self._ledger.todo():
                if reason := self._too_large(item):
                    self._ledger.fail(item, reason)
                    continue
                while self._is_full(item) and self._has(self._closing):
                    self._collect()
                if not self._has(2 * self._closing):
                    break
                self._pending[pool.submit(self._handling, item)] = item
            while self._pending and self._has(self._closing):
                self._collect()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # what is in flight is done anew, if it is not in time
            self._journal.flush()
        self._check_access(least=1)

    def _has(self, seconds: float) -> bool:
        return self._context.remaining_seconds() > seconds

    def _too_large(self, item: Item) -> str:
        if item.size > MAX_BYTES:
            return f"has {item.size:,} bytes, more than {MAX_BYTES:,}"
        if _room(item) > self._room:
            return f"has {item.size:,} bytes, for which the scratch volume has no room: see resources in worker.yaml"
        return ""

    def _is_full(self, item: Item) -> bool:
        taken = sum(map(_room, self._pending.values()))
        return len(self._pending) == IN_FLIGHT or taken + _room(item) > self._room

    def _collect(self) -> None:
        """What has ended; waits for one, or until a part is to be written or time is up."""
        left = self._context.remaining_seconds() - self._closing
        ended, _ = wait(self._pending, min(PART_SECONDS, max(left, 0)), FIRST_COMPLETED)
        for future in ended:
            item = self._pending.pop(future)
            self._tried += 1
            try:
                done = future.result()
            except Unprocessed as error:
                self._fail(item, error)
            else:
                self._ledger.add(done)
                self._journal.add(done)
        self._journal.write_due()

    def _fail(self, item: Item, error: Unprocessed) -> None:
        self._ledger.fail(item, str(error))
        self._failed += 1
        if self._failed <= SHOWN:
            self._context.log.warning("an object could not be processed", stack=stack(error))
        if isinstance(error, Denied):
            self._denied += 1
            self._check_access(least=MAX_DENIED)

    def _check_access(self, least: int) -> None:
        """One object may be encrypted for others; if all are refused, and so many, it is no object's fault."""
        if self._denied == self._tried >= least:
            raise PermissionError(f"S3 refused access to each of the {self._tried} objects that were tried")


def _room(item: Item) -> float:
    """Bytes of the scratch volume that it may take."""
    return item.size * ROOM + 1024**2
