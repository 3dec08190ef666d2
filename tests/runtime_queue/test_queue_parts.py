"""Parts of queue mode by themselves: claims, receiving after errors, how much is taken ahead."""

from __future__ import annotations

import io
import math
from decimal import Decimal
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import EndpointConnectionError
from queue_cloud import QueueCloud

from workers.runtime import idempotency, receiver
from workers.runtime.idempotency import Busy, Claim, Ledger, Overtaken
from workers.runtime.pace import Pace
from workers.runtime.receiver import Receiver

LOG = Logger(service="test", stream=io.StringIO())


def test_of_two_claims_in_the_same_millisecond_one_counts(
    queue_cloud: QueueCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "time", SimpleNamespace(time=lambda: 2e9))
    ledgers = [Ledger(queue_cloud.name, "probe", 30, queue_cloud.dynamodb) for _ in range(2)]
    found = [ledger.claim("a") for ledger in ledgers]
    assert isinstance(found[0], Claim) and found[1] == Busy(pytest.approx(30, abs=0.01))
    ledgers[0].complete(found[0], {})
    with pytest.raises(Overtaken):
        ledgers[1].complete(Claim(found[0].key, found[0].expires + Decimal("0.5")), {})


def test_calls_that_are_made_again_because_their_answer_was_lost_find_what_they_wrote(queue_cloud: QueueCloud) -> None:
    class Twice:
        """Makes every call two times, as botocore does when the first answer is lost."""

        exceptions, meta = queue_cloud.dynamodb.exceptions, queue_cloud.dynamodb.meta

        def __getattr__(self, action: str) -> Any:
            def call(**arguments: Any) -> Any:
                getattr(queue_cloud.dynamodb, action)(**arguments)
                return getattr(queue_cloud.dynamodb, action)(**arguments)

            return call

    ledger = Ledger(queue_cloud.name, "probe", 30, Twice())
    claim = ledger.claim("a")
    assert isinstance(claim, Claim)
    claim = ledger.renew(claim)
    ledger.complete(claim, {})
    assert [item["status"]["S"] for item in queue_cloud.records().values()] == ["COMPLETED"]
    given_back = ledger.claim("b")
    assert isinstance(given_back, Claim)
    ledger.release(given_back)
    assert len(queue_cloud.records()) == 1


def test_receiving_goes_on_after_any_number_of_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    class Queue:
        def receive(self, count: int) -> None:
            raise EndpointConnectionError(endpoint_url="sqs")

    monkeypatch.setattr(receiver, "RETRY_SECONDS", 0.0)
    inbox: SimpleQueue[Any] = SimpleQueue()
    receiving = Receiver(Queue(), inbox, LOG, report=None, take=None)  # type: ignore[arg-type]
    for _ in range(1100):  # a working day, at one try in 30 s
        receiving.consider(math.inf, room=1, hold=1, idle=True)
        inbox.get(timeout=10)()
    assert receiving.polls == receiving.asked == 0


def test_no_more_is_taken_ahead_than_half_the_visibility_has_time_for() -> None:
    pace = Pace(visibility_seconds=12)
    assert (pace.hold(lanes=2), pace.parcel()) == (2, 0)  # nothing is known yet
    pace.ran(2.0)
    assert (pace.hold(lanes=2), pace.parcel()) == (2 + 2 * 3, 0)
    for _ in range(100):
        pace.ran(0.0)
    assert (pace.hold(lanes=2), pace.parcel()) == (2 + 100, 20)
    for _ in range(100):
        pace.ran(7.0)
    assert pace.hold(lanes=2) == 2
