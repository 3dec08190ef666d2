"""A task whose waits are as short as the environment says: `python queue_task.py`, at the app's root."""

from __future__ import annotations

import datetime as dt
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path.cwd()))

from workers.runtime import circuit, protection, receiver, sqs
from workers.runtime.__main__ import main
from workers.runtime.delivery import Delivery

sqs.LONG_POLL_SECONDS = int(os.environ.get("LONG_POLL_SECONDS", "1"))
circuit.OPEN_SECONDS = float(os.environ.get("OPEN_SECONDS", "60"))
receiver.RETRY_SECONDS = 0.5
protection.SLACK_MINUTES = int(os.environ.get("SLACK_MINUTES", "5"))
protection.LINGER_SECONDS = protection.CHECK_SECONDS = 0.1
if granted := os.environ.get("GRANTED_SECONDS"):  # the queue's clock, beside the task's: a message appears so soon
    receive = sqs.Queue.receive

    def receive_for_less(queue: sqs.Queue, count: int) -> list[Delivery]:
        queue._visibility_seconds = int(granted)
        return receive(queue, count)

    sqs.Queue.receive = receive_for_less
if ahead := float(os.environ.get("CLOCK_AHEAD", "0")):  # the clock by which claims expire
    from aws_lambda_powertools.utilities.idempotency.persistence import dynamodb

    from workers.runtime import idempotency

    idempotency.time = SimpleNamespace(time=lambda: time.time() + ahead)
    dynamodb.dt = SimpleNamespace(datetime=SimpleNamespace(now=lambda: dt.datetime.now() + dt.timedelta(seconds=ahead)))
sys.exit(main())
