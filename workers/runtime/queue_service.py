"""A task that works off a queue until it is told to stop.

One thread decides, and it never waits for anything but its inbox: crews of threads call AWS, processes run the
worker's code, and both put what came of it there.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Sequence
from functools import partial
from queue import Empty

from aws_lambda_powertools import Logger

from workers.runtime.circuit import Circuit, State
from workers.runtime.clients import brisk_client, client
from workers.runtime.crew import Crew, Inbox
from workers.runtime.delivery import Delivery, Undecodable, Work, decode
from workers.runtime.execution import Call, Event, Outcome, Result
from workers.runtime.failures import FailureCount
from workers.runtime.flight import Flight
from workers.runtime.held import Held, Waiting
from workers.runtime.idempotency import Claim, Ledger
from workers.runtime.pace import Pace
from workers.runtime.pool import Pool, Unfit
from workers.runtime.protection import Protection
from workers.runtime.receiver import Receiver
from workers.runtime.report import Report
from workers.runtime.settings import QueueSettings, Settings
from workers.runtime.settlement import DONE, Ending, Settlement
from workers.runtime.sqs import Queue

FINISH_SHARE = 0.8  # of the time between SIGTERM and SIGKILL: what still runs then is given back
LEAVE_SHARE = 0.95  # the task ends then, whatever is left to do
STALE_SECONDS = 30.0  # what has not begun after so long here is given back, for a task that has less to do
CLERKS = 16  # threads that claim and settle
MOST_AHEAD = 150  # messages here beyond those that run
MEMORY_SHARE = 0.8  # of the task's memory, less this process's: the processes of the worker may keep so much
OWN_MB = 128
TICK_SECONDS = 1.0
TELL_SECONDS = 0.2  # between lines about messages that were processed: each costs as much as a short message


def run(settings: Settings, queue_settings: QueueSettings, log: Logger, inbox: Inbox) -> int:
    """Returns the exit code: 0 after a SIGTERM, 1 if the worker cannot be loaded."""
    with Protection(queue_settings.agent_uri, settings.timeout_seconds, log) as protection:
        return Service(settings, queue_settings, log, inbox, protection).run()


class Service:
    """A message's way: received → waiting → (claimed) → ready → run → settled → deleted or given back."""

    def __init__(
        self, settings: Settings, queue_settings: QueueSettings, log: Logger, inbox: Inbox, protection: Protection
    ):
        self._settings = settings
        self._queue_settings = queue_settings
        self._log = log
        self._inbox = inbox
        self._protection = protection
        dynamodb, visibility = brisk_client("dynamodb"), queue_settings.visibility_seconds
        queue = Queue(
            queue_settings.queue_url, queue_settings.dlq_url, fifo=queue_settings.fifo, visibility_seconds=visibility
        )
        self._ledger = (
            Ledger(queue_settings.table, settings.worker, visibility, dynamodb) if queue_settings.once else None
        )
        self._settlement = Settlement(
            settings,
            queue_settings,
            queue,
            self._ledger,
            FailureCount(queue_settings.table, settings.worker, dynamodb),
            client("s3"),
            log,
        )
        self._clerks = Crew(CLERKS, inbox)
        self._report = Report(settings, time.monotonic())
        self._receiver = Receiver(queue, inbox, log, self._report, self._take)
        self._flight = Flight(
            queue,
            self._ledger,
            visibility_seconds=visibility,
            fifo=queue_settings.fifo,
            inbox=inbox,
            log=log,
            on_lost=self._lost,
        )
        self._waiting = Waiting()
        self._claiming = 0
        self._ready: deque[Held] = deque()
        self._processed: list[Held] = []
        self._tell_at = 0.0
        self._pace = Pace(visibility)
        self._circuit = Circuit()
        self._stale = min(STALE_SECONDS, visibility / 2)
        self._exit_code = 0
        self._terminated: float | None = None
        self._finish_by = self._leave_by = 0.0
        processes = 1 if queue_settings.io else queue_settings.concurrency
        self._pool = Pool(
            processes=processes,
            lanes=queue_settings.concurrency if queue_settings.io else 1,
            rss_limit_mb=max(0.0, queue_settings.memory_gb * 1024 - OWN_MB) * MEMORY_SHARE / processes,
            inbox=inbox,
            log=log,
            report=self._report,
        )

    def run(self) -> int:
        while not self._finished(time.monotonic()):
            self._handle_inbox()
            self._pump(time.monotonic())
        if left := len(self._flight):
            self._log.error("the task ends before all its messages were let go", messages=left)
        self._tell_processed(time.monotonic())
        self._report.write(time.monotonic())
        self._pool.join()
        self._log.info("the task ends")
        return self._exit_code

    def _handle_inbox(self) -> None:
        """Wait for something to do, and do all that there is."""
        try:
            item = self._inbox.get(timeout=self._wait_seconds(time.monotonic()))
            while True:
                self._handle(item)
                item = self._inbox.get_nowait()
        except Empty:
            pass

    def _handle(self, item: object) -> None:
        if item is Event.TERMINATED:
            self._terminate()
        elif callable(item):
            try:
                item()
            except Unfit as error:
                self._log.error(str(error))
                self._report.count(Counter(ApplicationErrors=1))
                self._exit_code = 1
                self._terminate()

    def _wait_seconds(self, now: float) -> float:
        times = [
            now + TICK_SECONDS,
            self._flight.wakes_at(),
            self._receiver.wakes_at(now),
            self._pool.wakes_at(),
            self._waiting.wakes_at(now) if self._queue_settings.fifo else None,
            self._tell_at if self._processed else None,
        ]
        if self._terminated is not None:
            times += [time for time in (self._finish_by, self._leave_by) if time > now]
        return max(0.0, min(time for time in times if time is not None) - now)

    def _pump(self, now: float) -> None:
        """Do all that can be done now."""
        for ended in self._pool.take_ended():
            self._ended(*ended)
        if now >= self._tell_at:
            self._tell_processed(now)
        halted = self._terminated is not None or self._circuit.state(now) is State.OPEN
        self._pool.recall(now, everything=halted)
        if not halted:
            self._begin(now)
            self._return_what_is_stale(now)
            self._receive(now)
        elif self._queue_settings.fifo and self._terminated is None:
            self._keep_what_waits()
        else:
            self._return_what_waits()
        if self._terminated is not None and now >= self._finish_by:
            self._pool.close()
        self._pool.stop_overdue(now)
        self._flight.tick(now, hurry=self._terminated is not None)
        self._protection.set_busy(len(self._flight) > 0)
        due = self._report.due_at()
        if due is not None and now >= due:
            self._report.write(now)

    # Receiving

    def _receive(self, now: float) -> None:
        if not self._pool.loaded or self._protection.yielding:
            return
        begun, waiting = self._waiting.begun, self._waiting.count(now)
        hold = self._pace.hold(self._pool.lanes)
        room = min(hold - begun - waiting, self._pool.lanes + MOST_AHEAD - len(self._flight))
        if self._circuit.state(now) is State.HALF_OPEN:
            hold, room = 1, 1 - begun - waiting
        idle = not waiting and not self._claiming and not self._ready and self._pool.running < self._pool.lanes
        self._receiver.consider(now, room=room, hold=hold, idle=idle)

    def _take(self, deliveries: Sequence[Delivery], asked: float) -> None:
        for delivery in deliveries:
            try:
                work = decode(delivery.body)
            except Undecodable as error:
                self._hold(delivery, Work(delivery.message_id, {}), asked, rejected=str(error))
            else:
                self._hold(delivery, work, asked)

    def _hold(self, delivery: Delivery, work: Work, asked: float, rejected: str | None = None) -> None:
        line = delivery.group if self._queue_settings.fifo and delivery.group else work.id
        held = Held(delivery=delivery, work=work, line=line, since=asked, rejected=rejected)
        self._flight.add(held)
        self._waiting.add(held)

    # Running

    def _begin(self, now: float) -> None:
        parcel = self._pace.parcel()
        most = self._pool.room(parcel) + (self._pool.lanes if self._ledger else 0)  # claims are made one turn ahead
        if self._circuit.state(now) is State.HALF_OPEN:
            most = min(most, 1 - self._waiting.begun)
        while len(self._ready) + self._claiming < most and (held := self._waiting.begin(now)):
            if held.lost:
                self._drop(held)
            elif held.rejected is not None:
                self._clerks.run(partial(self._settlement.reject, held, held.rejected), partial(self._conclude, held))
            elif self._ledger and not held.claim:
                self._claiming += 1
                self._clerks.run(partial(self._settlement.claim, held), partial(self._claimed, held))
            else:
                self._ready.append(held)
        while self._ready and self._start(self._ready[0], parcel):
            self._ready.popleft()
        self._pool.send()

    def _start(self, held: Held, parcel: int) -> bool:
        """False if it has to wait for a place."""
        if held.overtaken or (held.lost and not held.claim):
            self._drop(held)
            return True
        return self._pool.submit(held, self._call(held), parcel)

    def _claimed(self, held: Held, found: Claim | Ending) -> None:
        self._claiming -= 1
        if isinstance(found, Ending):
            self._conclude(held, found)
        else:
            held.claim = found
            self._ready.append(held)

    def _call(self, held: Held) -> Call:
        return Call(
            job_id=held.work.id,
            attempt=held.delivery.receives + held.retries,
            input=held.work.input,
            prefix=self._settings.worker,
            seconds=self._settings.timeout_seconds,
        )

    def _ended(self, held: Held, outcome: Outcome | None, seconds: float) -> None:
        if outcome is None:
            self._stopped(held)
            return
        held.seconds = seconds
        self._pace.ran(seconds)
        self._report.ran(seconds)
        if isinstance(outcome, Result) and outcome.body == "{}" and not held.claim and not held.again:
            self._conclude(held, DONE)
        else:
            self._clerks.run(partial(self._settlement.settle, held, outcome), partial(self._conclude, held))

    def _stopped(self, held: Held) -> None:
        """Its run was stopped through no fault of its own."""
        if held.lost or held.overtaken:
            self._drop(held)
        elif self._terminated is not None:
            self._return(held)
        else:
            self._waiting.put_back(held)

    def _lost(self, held: Held) -> None:
        """Without the message, but with a claim to its work, nobody else does the work: it may go on."""
        if held.overtaken or not held.claim:
            self._pool.interrupt(held)

    # Letting go

    def _conclude(self, held: Held, ending: Ending) -> None:
        now = time.monotonic()
        self._report.count(ending.counts)
        if ending.blame and self._circuit.failed(now):
            self._log.error("the circuit is open: no messages are received for a while")
        if ending.blame is False:
            self._circuit.worked()
        if ending.wait is None:
            if ending.done:
                self._processed.append(held)
            self._waiting.end(held)
            self._flight.delete(held)
        elif self._queue_settings.fifo and ending.renewable and self._terminated is None:
            # Here, because those behind it in its group would be received, and counted as such, with it each time.
            held.rests_until = now + ending.wait
            held.retries += 1
            self._waiting.put_back(held)
        else:
            followers = self._waiting.abandon(held)
            self._flight.give_back(held, ending.wait, renewable=ending.renewable)
            for follower in followers:
                self._give_back(follower)

    def _tell_processed(self, now: float) -> None:
        """One line for those that were processed since the last."""
        if self._processed:
            self._tell_at = now + TELL_SECONDS
            seconds = [held.seconds for held in self._processed]
            self._log.info(
                "messages processed",
                job_ids=[held.work.id for held in self._processed],
                messages=len(seconds),
                seconds=round(sum(seconds), 6),
                longest=round(max(seconds), 6),
            )
            self._processed = []

    def _return(self, held: Held) -> None:
        """Give it back, which has begun but does not run, and then those that wait for it."""
        for message in (held, *self._waiting.abandon(held)):
            self._give_back(message)

    def _give_back(self, held: Held) -> None:
        """It does not run, and is in no line any more."""
        self._report.count(Counter(Returned=1))
        wait = max(0.0, held.rests_until - time.monotonic())
        if held.claim:
            self._clerks.run(partial(self._settlement.release, held), lambda _: self._flight.give_back(held, wait))
        else:
            self._flight.give_back(held, wait)

    def _drop(self, held: Held) -> None:
        """It is another's."""
        self._flight.drop(held)
        for follower in self._waiting.abandon(held):
            self._give_back(follower)

    def _return_what_is_stale(self, now: float) -> None:
        if not self._queue_settings.fifo:  # there a fresh copy cannot make up for the receive
            for held in self._waiting.take_idle(before=now - self._stale):
                self._give_back(held)

    def _keep_what_waits(self) -> None:
        """Of a FIFO queue: however long a dependency is down, no message is received more often for it."""
        while self._ready:
            self._waiting.put_back(self._ready.pop())

    def _return_what_waits(self) -> None:
        for held in self._waiting.take_idle():
            self._give_back(held)
        if self._terminated is not None:
            for held in self._waiting.take_followers():
                self._give_back(held)
        while self._ready:
            self._return(self._ready.popleft())

    # The end

    def _terminate(self) -> None:
        if self._terminated is None:
            self._log.info("the task was told to stop", messages=len(self._flight))
            self._terminated = time.monotonic()
            self._finish_by = self._terminated + FINISH_SHARE * self._queue_settings.stop_seconds
            self._leave_by = self._terminated + LEAVE_SHARE * self._queue_settings.stop_seconds

    def _finished(self, now: float) -> bool:
        if self._terminated is None:
            return False
        if now >= self._leave_by:
            return True
        return not len(self._flight) and not self._receiver.polls
