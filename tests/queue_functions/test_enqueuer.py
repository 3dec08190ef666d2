from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.queue_functions.queue_support import BUCKET, TABLE, Account, by_eventbridge, by_notification, context

ODD_KEYS = [
    "uploads/a b.jpg",
    "uploads/a+b.jpg",
    "uploads/50%.jpg",
    "uploads/%2B.jpg",
    "uploads/a&b=c?d#e.jpg",
    "uploads/größe/東京 🗼.jpg",
    "uploads/e\u0301.jpg",
    "uploads/line\nbreak.jpg",
    "uploads//double.jpg",
    "uploads/ends in space .jpg",
]


@pytest.fixture(scope="module")
def module(load: Callable[[str], ModuleType]) -> ModuleType:
    module = load("enqueuer")
    module.send.__globals__["PAUSE_SECONDS"] = 0
    return module


@pytest.fixture
def enqueue(module: ModuleType) -> Callable[[dict[str, Any]], dict[str, int]]:
    return lambda event: module.handler(event, context())


def error(code: str, operation: str = "Call") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "…"}}, operation)


# --- events --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tell", [by_eventbridge, by_notification])
def test_an_upload_becomes_a_message(account: Account, enqueue: Any, tell: Callable[..., dict[str, Any]]):
    assert enqueue(tell("uploads/cat.jpg")) == {"resize": 1}
    [message] = account.messages("resize")
    body = message["body"]
    assert len(body.pop("id")) == 64
    assert body.pop("at").startswith("2026-03-01T06:00:00")
    source = {"bucket": BUCKET, "key": "uploads/cat.jpg", "etag": "b1946ac92492d2347c6235b4d2611184", "size": 5}
    assert body == {"input": source}


@pytest.mark.parametrize("tell", [by_eventbridge, by_notification])
def test_keys_arrive_as_they_are_stored(account: Account, enqueue: Any, tell: Callable[..., Any]):
    for key in ODD_KEYS:
        enqueue(tell(key))
    assert [message["body"]["input"]["key"] for message in account.messages("resize")] == ODD_KEYS


def test_both_kinds_of_event_and_each_repetition_give_the_same_id(account: Account, enqueue: Any):
    for event in [by_eventbridge("uploads/a+b c.jpg"), by_notification("uploads/a+b c.jpg")] * 2:
        enqueue(event)
    messages = account.messages("resize")
    assert len(messages) == 4
    assert len({message["body"]["id"] for message in messages}) == 1


@pytest.mark.parametrize(
    "other", [by_eventbridge("uploads/b.jpg"), by_eventbridge("uploads/a.jpg", etag="5d41402abc4b2a76b9719d911017c592")]
)
def test_another_key_or_content_gives_another_id(account: Account, enqueue: Any, other: dict[str, Any]):
    enqueue(by_eventbridge("uploads/a.jpg"))
    enqueue(other)
    assert len({message["body"]["id"] for message in account.messages("resize")}) == 2


def test_without_an_etag_the_version_tells_contents_apart(account: Account, enqueue: Any):
    for version in ("1", "2", "2"):
        enqueue(by_eventbridge("uploads/a.jpg", etag="", **{"version-id": version}))
    assert len({message["body"]["id"] for message in account.messages("resize")}) == 2


def test_a_repetition_within_one_event_is_sent_once(account: Account, enqueue: Any):
    assert enqueue(by_notification("uploads/a.jpg", "uploads/a.jpg")) == {"resize": 1}
    assert len(account.messages("resize")) == 1


def test_a_fifo_queue_takes_a_repeated_event_once(account: Account, enqueue: Any):
    for _ in range(3):
        enqueue(by_eventbridge("ledger/2026/a.csv"))
    assert len(account.messages("ledger")) == 1


@pytest.mark.parametrize(
    "event",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-03-01T06:00:00.000Z", "Bucket": BUCKET},
        {**by_eventbridge("uploads/a.jpg"), "detail-type": "Object Deleted"},
        {"Records": [{**by_notification("uploads/a.jpg")["Records"][0], "eventName": "ObjectRemoved:Delete"}]},
        by_eventbridge("uploads/", size=0),
        by_eventbridge("uploads/folder/", size=0),
        by_eventbridge("ledger/folder/", size=0),
        by_eventbridge("uploads/a.gif"),
        by_eventbridge("uploads/a.jpg.txt"),
        by_eventbridge("elsewhere/a.jpg"),
        by_eventbridge("Uploads/a.jpg"),
        by_notification("uploads/a.gif", "x/uploads/a.jpg"),
        {
            **by_eventbridge("uploads/a.jpg"),
            "detail": by_eventbridge("uploads/a.jpg")["detail"] | {"bucket": {"name": "other"}},
        },
        {"Records": []},
    ],
)
def test_what_is_no_worker_s_upload_is_ignored_and_logged(
    account: Account, enqueue: Any, caplog: pytest.LogCaptureFixture, event: dict[str, Any]
):
    caplog.set_level("INFO", logger="functions-under-test")
    enqueue(event)
    assert [account.messages(name) for name in account.workers] == [[], [], []]
    assert [account.desired(name) for name in account.workers] == [0, 0, 0]
    assert caplog.records
    assert not any("a.jpg" in str(vars(record)) for record in caplog.records)


def test_an_empty_file_that_is_no_folder_is_a_worker_s_business(account: Account, enqueue: Any):
    assert enqueue(by_eventbridge("uploads/empty.jpg", size=0)) == {"resize": 1}


def test_a_file_whose_name_ends_with_a_slash_is_no_folder(account: Account, enqueue: Any):
    assert enqueue(by_eventbridge("ledger/folder/", size=5)) == {"ledger": 1}


def test_suffixes_are_compared_without_case(account: Account, enqueue: Any):
    assert enqueue(by_eventbridge("uploads/DSC_0001.JPG")) == {"resize": 1}


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"hello": "world"},
        {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
        {"Records": "many"},
        {"source": "aws.s3", "detail-type": "Object Created", "detail": {}},
        by_notification("uploads/a.jpg", key="uploads/%FF.jpg"),
        by_eventbridge("uploads/a.jpg", etag=""),
    ],
)
def test_an_event_that_makes_no_sense_is_an_error_and_so_a_dead_letter(enqueue: Any, event: dict[str, Any]):
    with pytest.raises(Exception, match="not an event of S3 about an upload"):
        enqueue(event)


# --- groups --------------------------------------------------------------------------------------------------


def groups(account: Account, name: str) -> list[str | None]:
    return [message["Attributes"].get("MessageGroupId") for message in account.messages(name)]


@pytest.mark.parametrize(
    ("key", "group"),
    [("ledger/2026/03/a.csv", "ledger/2026/03"), ("ledger/a.csv", "ledger"), ("ledger//a.csv", "ledger/")],
)
def test_in_a_fifo_queue_a_folder_is_a_group(account: Account, enqueue: Any, key: str, group: str):
    enqueue(by_eventbridge(key))
    assert groups(account, "ledger") == [group]


def test_groups_have_characters_and_lengths_that_sqs_takes_and_stay_distinct(account: Account, enqueue: Any):
    folders = ["a b", "a+b", "größe", "a%20b", "x" * 500 + "1", "x" * 500 + "2", "東" * 60]
    for folder in folders:
        enqueue(by_eventbridge(f"ledger/{folder}/a.csv"))
    names = [name for name in groups(account, "ledger") if name]
    assert len(set(names)) == len(folders)
    assert all(len(name) <= 128 and name.isascii() and " " not in name for name in names)


@pytest.mark.parametrize(
    ("key", "group"),
    [("shared/acme/a/b.csv", "acme"), ("shared/Größe AG/b.csv", "Gr%C3%B6%C3%9Fe%20AG"), ("shared/b.csv", None)],
)
def test_in_a_fair_queue_a_tenant_is_a_group(account: Account, enqueue: Any, key: str, group: str | None):
    enqueue(by_eventbridge(key))
    assert groups(account, "tenants") == [group]


def test_a_plain_queue_has_no_groups(account: Account, enqueue: Any):
    enqueue(by_eventbridge("uploads/a/b.jpg"))
    assert groups(account, "resize") == [None]


# --- sending -------------------------------------------------------------------------------------------------


def test_many_records_go_in_batches_of_ten(
    account: Account, module: ModuleType, enqueue: Any, monkeypatch: pytest.MonkeyPatch
):
    sizes: list[int] = []
    send = module.sqs.send_message_batch

    def counted(**call: Any) -> Any:
        sizes.append(len(call["Entries"]))
        return send(**call)

    monkeypatch.setattr(module.sqs, "send_message_batch", counted)
    assert enqueue(by_notification(*(f"uploads/{n}.jpg" for n in range(25)))) == {"resize": 25}
    assert sizes == [10, 10, 5]
    assert len({message["body"]["id"] for message in account.messages("resize")}) == 25


def test_only_what_a_batch_left_over_is_sent_again(
    account: Account, module: ModuleType, enqueue: Any, monkeypatch: pytest.MonkeyPatch
):
    send, calls = module.sqs.send_message_batch, []

    def losing_two(**call: Any) -> Any:
        calls.append(len(call["Entries"]))
        if len(calls) > 1:
            return send(**call)
        lost = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in call["Entries"][3:5]]
        send(**call | {"Entries": call["Entries"][:3] + call["Entries"][5:]})
        return {"Failed": lost}

    monkeypatch.setattr(module.sqs, "send_message_batch", losing_two)
    assert enqueue(by_notification(*(f"uploads/{n}.jpg" for n in range(8)))) == {"resize": 8}
    assert calls == [8, 2]
    assert len({message["body"]["id"] for message in account.messages("resize")}) == 8


def failing(failure: Any) -> Callable[..., Any]:
    def fail(**_: Any) -> Any:
        raise failure

    return fail


def test_what_the_queue_does_not_take_fails_the_invocation_after_everything_else_is_done(
    account: Account,
    module: ModuleType,
    enqueue: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    send = module.sqs.send_message_batch

    def only_resize(**call: Any) -> Any:
        if "ledger" in call["QueueUrl"]:
            raise error("RequestThrottled")
        return send(**call)

    monkeypatch.setattr(module.sqs, "send_message_batch", only_resize)
    with pytest.raises(module.NotEnqueued, match="1 messages"):
        enqueue(by_notification("ledger/a.csv", "uploads/a.jpg"))
    assert len(account.messages("resize")) == 1
    assert (account.desired("resize"), account.desired("ledger")) == (1, 0)
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (metrics["Enqueued"], metrics["NotEnqueued"]) == ([1.0], [1.0])


def test_a_repeated_invocation_sends_the_same_ids(
    account: Account, module: ModuleType, enqueue: Any, monkeypatch: pytest.MonkeyPatch
):
    event = by_notification(*(f"uploads/{n}.jpg" for n in range(3)))
    enqueue(event)
    first = {message["body"]["id"] for message in account.messages("resize")}
    enqueue(event)
    assert {message["body"]["id"] for message in account.messages("resize")} == first


# --- waking --------------------------------------------------------------------------------------------------


def test_one_upload_wakes_a_service_from_zero(account: Account, enqueue: Any):
    enqueue(by_eventbridge("uploads/a.jpg"))
    assert account.desired("resize") == 1


@pytest.mark.parametrize(("waiting", "tasks"), [(4, 1), (5, 2), (30, 7), (60, 10)])
def test_the_whole_backlog_counts(account: Account, enqueue: Any, waiting: int, tasks: int):
    account.fill("resize", waiting)
    account.messages("resize")  # in flight: they count all the same
    enqueue(by_eventbridge("uploads/a.jpg"))
    assert account.desired("resize") == tasks


def test_what_was_just_sent_counts_even_if_the_queue_does_not_count_it_yet(
    account: Account, module: ModuleType, enqueue: Any, monkeypatch: pytest.MonkeyPatch
):
    nothing = {"Attributes": dict.fromkeys(module.wake.__globals__["read_backlog"].__globals__["WAITING"], "0")}
    monkeypatch.setattr(module.sqs, "get_queue_attributes", lambda **_: nothing)
    enqueue(by_notification(*(f"uploads/{n}.jpg" for n in range(12))))
    assert account.desired("resize") == 3


def test_waking_never_takes_tasks_away(account: Account, enqueue: Any):
    account.set_desired("resize", 7)
    enqueue(by_eventbridge("uploads/a.jpg"))
    assert account.desired("resize") == 7


def test_a_burst_reaches_the_maximum_at_once_with_a_handful_of_updates(
    account: Account, module: ModuleType, enqueue: Any, monkeypatch: pytest.MonkeyPatch
):
    update, asked = module.ecs.update_service, []

    def counted(**call: Any) -> Any:
        asked.append(call["desiredCount"])
        return update(**call)

    monkeypatch.setattr(module.ecs, "update_service", counted)
    monkeypatch.setattr(time, "time", lambda: 1_750_000_000.0)
    for number in range(50):
        enqueue(by_eventbridge(f"uploads/{number}.jpg"))
    assert asked == [1, 2, 4, 8, 10]


def test_a_steady_trickle_is_one_look_in_five_seconds(
    account: Account, module: ModuleType, enqueue: Any, monkeypatch: pytest.MonkeyPatch
):
    describe, looks = module.ecs.describe_services, []

    def counted(**call: Any) -> Any:
        looks.append(call)
        return describe(**call)

    monkeypatch.setattr(module.ecs, "describe_services", counted)
    for second in range(20):
        monkeypatch.setattr(time, "time", lambda second=second: 1_750_000_000.0 + second)
        account.empty("resize")
        enqueue(by_eventbridge(f"uploads/{second}.jpg"))
    assert len(looks) == 4


@pytest.mark.parametrize(("folders", "tasks"), [(1, 1), (3, 3), (40, 10)])
def test_a_fifo_queue_gets_no_more_tasks_than_groups(account: Account, enqueue: Any, folders: int, tasks: int):
    enqueue(by_notification(*(f"ledger/{n % folders}/{n}.csv" for n in range(60))))
    assert account.desired("ledger") == tasks


def test_groups_of_earlier_uploads_count_as_long_as_the_queue_has_not_drained(
    account: Account, enqueue: Any, monkeypatch: pytest.MonkeyPatch
):
    for number in range(4):
        monkeypatch.setattr(time, "time", lambda number=number: 1_750_000_000.0 + 10 * number)
        enqueue(by_notification(*(f"ledger/{number}/{n}.csv" for n in range(10))))
        assert account.desired("ledger") == number + 1


@pytest.mark.parametrize(
    ("client", "operation", "failure"),
    [
        ("ecs", "describe_services", error("ThrottlingException")),
        ("ecs", "update_service", error("AccessDeniedException")),
        ("sqs", "get_queue_attributes", error("RequestThrottled")),
    ],
)
def test_a_service_that_cannot_be_woken_does_not_repeat_what_is_enqueued(
    account: Account,
    module: ModuleType,
    enqueue: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    client: str,
    operation: str,
    failure: Exception,
):
    monkeypatch.setattr(getattr(module, client), operation, failing(failure))
    assert enqueue(by_eventbridge("uploads/a.jpg")) == {"resize": 1}
    assert len(account.messages("resize")) == 1
    assert caplog.records[-2].message == "service not woken"


def test_a_missing_table_or_service_does_not_repeat_what_is_enqueued(account: Account, enqueue: Any):
    account.ecs.delete_service(cluster="tasks", service="resize", force=True)
    assert enqueue(by_eventbridge("uploads/a.jpg")) == {"resize": 1}
    account.dynamodb.Table(TABLE).delete()
    assert enqueue(by_eventbridge("ledger/a.csv")) == {"ledger": 1}
