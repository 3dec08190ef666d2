from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from batchctl.letters import DeadLetters, NoQueue
from batchctl.redrive import Outcome, Wish, redrive
from tests.redrive.redrive_support import REGION, Clock, Queues

NAMES = [f"n{number:02d}" for number in range(13)]


# --- all of them ---------------------------------------------------------------------------------------------


def test_every_dead_letter_goes_back_once_and_the_canary_first(queues: Queues):
    queues.bury(*NAMES)
    outcome = queues.redrive()
    assert (outcome.moved, outcome.failed, outcome.left, outcome.stopped) == (13, 0, 0, "")
    assert sorted(queues.done) == NAMES
    assert queues.done[0] == outcome.canary
    assert queues.buried() == []


def test_a_message_keeps_its_body_and_group_and_loses_what_it_got_when_it_died(queues: Queues):
    queues.bury("a")
    queues.redrive()
    [message] = queues.received
    assert message["Body"] == queues.body("a")
    assert message["Attributes"]["MessageGroupId"] == "a"
    assert set(message["MessageAttributes"]) == {"tenant"}


def test_a_redriven_message_is_no_duplicate_to_a_fifo_queue(queues: Queues):
    for _ in range(2):
        queues.bury("a")
        queues.redrive(canary_seconds=None)
    first, second = (message["Attributes"].get("MessageDeduplicationId") for message in queues.received)
    assert not queues.suffix or len({"a", first, second}) == 3


def test_without_dead_letters_nothing_happens(queues: Queues):
    assert queues.redrive() == Outcome(moved=0, failed=0, left=0, canary=None, native=False, stopped="")


def test_a_message_that_dies_twice_within_minutes_is_redriven_twice(queues: Queues):
    queues.bury("a")
    queues.broken = {"a"}
    assert queues.redrive().moved == 1
    queues.broken = set()
    assert queues.redrive().stopped == ""
    assert queues.done == ["a"]


# --- canary --------------------------------------------------------------------------------------------------


def test_if_the_first_comes_back_the_others_stay(queues: Queues):
    queues.bury(*NAMES)
    queues.broken = set(NAMES)
    outcome = queues.redrive()
    assert (outcome.moved, outcome.left) == (1, 13)
    assert outcome.stopped == "the first came back: still not an image"
    assert queues.buried() == NAMES


def test_the_first_is_seen_coming_back_behind_others_of_its_group(queues: Queues):
    queues.bury(*NAMES[:8], group="all")
    queues.broken = set(NAMES)
    assert queues.redrive().stopped == "the first came back: still not an image"
    assert queues.clock.now == 0


def test_letters_of_one_group_all_go_back(queues: Queues):
    queues.bury(*NAMES, group="all")
    assert (queues.redrive().moved, sorted(queues.done)) == (13, NAMES)


def test_if_nothing_is_heard_of_the_first_the_others_stay(queues: Queues, monkeypatch: pytest.MonkeyPatch):
    queues.bury(*NAMES)
    monkeypatch.setattr(queues, "work", lambda: None)
    outcome = queues.redrive(canary_seconds=60)
    assert outcome.stopped == "the first was not processed within 60 seconds"
    assert (outcome.moved, outcome.left) == (1, 12)
    assert 60 <= queues.clock.now < 70


def test_a_letter_whose_work_is_done_proves_nothing_and_does_not_go_first(queues: Queues):
    queues.bury("a", "b")
    queues.done = ["a"]
    outcome = queues.redrive()
    assert (outcome.canary, outcome.moved) == ("b", 2)


def test_if_none_can_go_first_none_goes(queues: Queues):
    queues.bury("a")
    queues.done = ["a"]
    queues.send(queues.dlq, "no JSON", reason="undecodable")
    outcome = queues.redrive()
    assert (outcome.moved, outcome.canary) == (0, None)
    assert "none can go first" in outcome.stopped


def test_without_a_canary_all_go_whatever_they_are(queues: Queues):
    queues.bury("a")
    queues.send(queues.dlq, "no JSON", reason="undecodable")
    queues.send(queues.dlq, "[]")
    outcome = queues.redrive(canary_seconds=None)
    assert (outcome.moved, outcome.canary, outcome.left) == (3, None, 0)
    assert queues.clock.now == 0


def test_what_comes_back_meanwhile_is_not_sent_again(queues: Queues, monkeypatch: pytest.MonkeyPatch):
    queues.bury(*NAMES)
    queues.broken = set(NAMES[5:])
    send_back = DeadLetters.send_back

    def and_work(letters: DeadLetters, batch: Any) -> Any:
        sent = send_back(letters, batch)
        queues.work()
        return sent

    monkeypatch.setattr(DeadLetters, "send_back", and_work)
    outcome = queues.redrive(canary_seconds=None)
    assert (outcome.moved, outcome.left) == (13, 8)
    assert queues.buried() == NAMES[5:]


# --- some of them --------------------------------------------------------------------------------------------


def test_a_filter_by_reason_leaves_the_others_where_anybody_finds_them(queues: Queues):
    queues.bury(*NAMES[:7], reason="timeout after 300 s")
    queues.bury(*NAMES[7:], reason="not an image")
    outcome = queues.redrive(reason="Timeout")
    assert (outcome.moved, outcome.left) == (7, 6)
    assert sorted(queues.done) == NAMES[:7]
    assert queues.buried() == NAMES[7:]


def test_a_filter_by_key_takes_patterns(queues: Queues):
    queues.bury("a", folder="uploads/march")
    queues.bury("b", folder="uploads/april")
    queues.send(queues.dlq, json.dumps({"id": "c"}))
    assert queues.redrive(key="uploads/march/*").moved == 1
    assert queues.done == ["a"]
    assert queues.buried() == ["b", "c"]


def test_a_filter_that_fits_nothing_moves_nothing(queues: Queues):
    queues.bury("a")
    assert queues.redrive(reason="something else") == Outcome(
        moved=0, failed=0, left=1, canary=None, native=False, stopped=""
    )
    assert queues.buried() == ["a"]


@pytest.mark.parametrize("limit", [1, 4, 12])
def test_a_limit_includes_the_first(queues: Queues, limit: int):
    queues.bury(*NAMES)
    outcome = queues.redrive(limit=limit)
    assert (outcome.moved, outcome.left) == (limit, 13 - limit)
    assert len(queues.buried()) == 13 - limit


@pytest.mark.parametrize(("rate", "seconds"), [(0.5, 26), (5, 2.6), (100, 0.13)])
def test_the_rate_holds_on_average(queues: Queues, rate: float, seconds: float):
    queues.bury(*NAMES)
    queues.redrive(rate=rate, canary_seconds=None)
    assert queues.clock.now == pytest.approx(seconds)


# --- trouble -------------------------------------------------------------------------------------------------


def test_what_the_queue_does_not_take_stays_a_dead_letter(queues: Queues, monkeypatch: pytest.MonkeyPatch):
    queues.bury(*NAMES[:3])
    send = queues.sqs.send_message_batch

    def losing_one(**call: Any) -> Any:
        lost = [entry for entry in call["Entries"] if '"n01"' in entry["MessageBody"]]
        taken = [entry for entry in call["Entries"] if entry not in lost]
        if taken:
            send(**call | {"Entries": taken})
        return {"Failed": [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in lost]}

    monkeypatch.setattr(queues.sqs, "send_message_batch", losing_one)
    outcome = queues.redrive(canary_seconds=None)
    assert (outcome.moved, outcome.failed, outcome.left) == (2, 1, 1)
    assert outcome.stopped == "1 were not taken by the queue"
    assert queues.buried() == ["n01"]


def test_an_error_loses_nothing_and_hides_nothing(queues: Queues, monkeypatch: pytest.MonkeyPatch):
    queues.bury(*NAMES[:3])
    refused = ClientError({"Error": {"Code": "AccessDenied", "Message": "…"}}, "SendMessageBatch")

    def fail(**_: Any) -> Any:
        raise refused

    monkeypatch.setattr(queues.sqs, "send_message_batch", fail)
    with pytest.raises(ClientError):
        queues.redrive()
    assert queues.buried() == NAMES[:3]


def test_a_queue_without_dead_letters_is_told():
    sqs = boto3.client("sqs")
    sqs.create_queue(QueueName="plain")
    with pytest.raises(NoQueue, match="the queue plain has no dead-letter queue"):
        DeadLetters(sqs, "plain")
    with pytest.raises(NoQueue, match="there is no queue nowhere"):
        DeadLetters(sqs, "nowhere")


# --- move tasks of SQS ---------------------------------------------------------------------------------------


class Moving(DeadLetters):
    """On a service with move tasks: each look at the task finds it a little further."""

    statuses = ("RUNNING", "RUNNING", "COMPLETED")

    def __init__(self, queues: Queues):
        super().__init__(queues.sqs, queues.name)
        self.moves: list[int | None] = []
        self._looks = iter(self.statuses)

    @property
    def can_move(self) -> bool:
        return True

    def start_move(self, per_second: int | None) -> str:
        self.moves.append(per_second)
        self._waiting = self.receive()
        self.send_back(self._waiting)
        return "handle"

    def last_move(self) -> tuple[str, int, str]:
        status = next(self._looks)
        return status, len(self._waiting), "AccessDenied" if status == "FAILED" else ""


@pytest.mark.parametrize(("rate", "per_second"), [(None, None), (20, 20), (20.9, 20), (9999, 500)])
def test_sqs_moves_the_rest_by_itself_where_it_can(queues: Queues, rate: float | None, per_second: int | None):
    queues.bury(*NAMES[:6])
    letters = Moving(queues)
    outcome = redrive(letters, Wish(rate=rate), queues.is_done)
    assert (letters.moves, outcome.native, outcome.moved, outcome.left) == ([per_second], True, 6, 0)
    queues.work()
    assert sorted(queues.done) == NAMES[:6]
    assert queues.clock.now == 6  # it waited for the task


@pytest.mark.parametrize("wish", [{"reason": "image"}, {"key": "uploads/*"}, {"limit": 100}, {"rate": 0.5}])
def test_sqs_is_not_asked_for_what_it_cannot_do(queues: Queues, wish: dict[str, Any]):
    queues.bury(*NAMES[:6])
    letters = Moving(queues)
    outcome = redrive(letters, Wish(**wish), queues.is_done)
    assert (letters.moves, outcome.native, outcome.moved) == ([], False, 6)


def test_sqs_moves_nothing_if_the_first_comes_back(queues: Queues):
    queues.bury(*NAMES[:6])
    queues.broken = set(NAMES)
    letters = Moving(queues)
    assert redrive(letters, Wish(), queues.is_done).left == 6
    assert letters.moves == []


def test_a_move_that_fails_says_why(queues: Queues, monkeypatch: pytest.MonkeyPatch):
    queues.bury(*NAMES[:6])
    monkeypatch.setattr(Moving, "statuses", ("RUNNING", "FAILED"))
    outcome = redrive(Moving(queues), Wish(), queues.is_done)
    assert outcome.stopped == "SQS's move task is failed: AccessDenied"


class Calls:
    """SQS's answers about move tasks, and what it was asked."""

    def __init__(self, sqs: Any):
        self._sqs, self.asked = sqs, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sqs, name)

    def start_message_move_task(self, **call: Any) -> dict[str, str]:
        self.asked.append(call)
        return {"TaskHandle": "handle"}

    def list_message_move_tasks(self, **call: Any) -> dict[str, Any]:
        self.asked.append(call)
        return {"Results": [{"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 7}]}


def test_a_move_names_both_queues(queues: Queues):
    sqs = Calls(queues.sqs)
    letters = DeadLetters(sqs, queues.name)
    letters.start_move(50)
    assert letters.last_move() == ("COMPLETED", 7, "")
    arn = f"arn:aws:sqs:{REGION}:123456789012:work"
    start, look = sqs.asked
    dead_letters = f"{arn}-dlq{queues.suffix}"
    destination = f"{arn}{queues.suffix}"
    assert start == {"SourceArn": dead_letters, "DestinationArn": destination, "MaxNumberOfMessagesPerSecond": 50}
    assert look["SourceArn"] == dead_letters


@pytest.mark.parametrize(
    ("endpoint", "can"),
    [
        ("https://sqs.eu-central-1.amazonaws.com", True),
        ("https://sqs.cn-north-1.amazonaws.com.cn", True),
        ("http://127.0.0.1:5000", False),
        ("http://localhost:9324", False),
        ("https://amazonaws.com.example.org", False),
    ],
)
def test_only_sqs_itself_is_known_to_have_move_tasks(clock: Clock, endpoint: str, can: bool):
    queues = Queues(clock, fifo=False)
    letters = DeadLetters(queues.sqs, queues.name)
    letters._sqs = boto3.client("sqs", endpoint_url=endpoint)
    assert letters.can_move is can
    queues.delete()
