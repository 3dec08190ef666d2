from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from threading import Event
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from tests.queue_functions.queue_support import BUCKET, Account, context


@pytest.fixture(scope="module")
def module(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("load_generator")


class Clock:
    """Time that passes only by sleeping; an invocation has so many seconds of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def context(self, seconds: float) -> Any:
        end = self.now + seconds
        found = context()
        found.get_remaining_time_in_millis = lambda: int((end - self.now) * 1000)
        return found


def keys(account: Account) -> list[str]:
    return [item["Key"] for item in account.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_so_many_messages_are_so_many_uploads_that_the_worker_takes(account: Account, module: ModuleType):
    answer = module.handler({"num_messages": 20, "worker": "resize"}, context())
    expected = {"worker": "resize", "shape": "burst", "asked": 20, "put": 20, "failed": 0, "complete": True}
    assert answer | expected == answer
    found = keys(account)
    assert len(found) == 20
    assert all(key.startswith("uploads/load-") and key.endswith(".png") for key in found)
    assert len({key.rpartition("/")[0] for key in found}) == 10


def test_without_a_word_it_is_twenty(account: Account, module: ModuleType):
    module.handler({"worker": "resize"}, context())
    assert len(keys(account)) == 20


def test_images_are_images_each_its_own_and_the_same_in_each_run(account: Account, module: ModuleType):
    module.handler({"num_messages": 3, "worker": "resize"}, context())
    first = {key[-9:]: account.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys(account)}
    images = [Image.open(io.BytesIO(data)) for data in first.values()]
    assert {(image.format, image.size, image.mode) for image in images} == {("PNG", (256, 256), "RGB")}
    for image in images:
        image.load()
    assert len(set(first.values())) == 3
    account.begin()
    module.handler({"num_messages": 3, "worker": "resize"}, context())
    assert {key[-9:]: account.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys(account)} == first


def test_a_sample_is_copied(account: Account, module: ModuleType):
    account.s3.put_object(Bucket=BUCKET, Key="samples/größe 1+1.JPG", Body=b"photo", ContentType="image/jpeg")
    answer = module.handler({"num_messages": 5, "worker": "resize", "sample": "samples/größe 1+1.JPG"}, context())
    assert answer["complete"]
    copies = [key for key in keys(account) if key.startswith("uploads/")]
    assert len(copies) == 5
    copy = account.s3.get_object(Bucket=BUCKET, Key=copies[0])
    assert (copies[0][-4:], copy["Body"].read(), copy["ContentType"]) == (".jpg", b"photo", "image/jpeg")


def test_a_sample_that_is_missing_is_told(module: ModuleType):
    answer = module.handler({"num_messages": 2, "worker": "resize", "sample": "gone.jpg"}, context())
    assert (answer["put"], answer["failed"], answer["complete"]) == (0, 2, False)
    assert "NoSuchKey" in answer["error"]


def put_times(module: ModuleType, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When each object is asked for, in seconds from the start."""
    begin, times = clock.now, []

    class Pool(module.ThreadPoolExecutor):
        def submit(self, *args: Any) -> Any:
            times.append(clock.now - begin)
            return super().submit(*args)

    monkeypatch.setattr(module, "ThreadPoolExecutor", Pool)
    return times


def test_a_steady_load_is_even(module: ModuleType, monkeypatch: pytest.MonkeyPatch):
    clock = Clock(monkeypatch)
    times = put_times(module, clock, monkeypatch)
    answer = module.handler({"rate": 5, "duration": 120, "worker": "resize"}, clock.context(900))
    assert answer["complete"]
    assert times == pytest.approx([12 * n for n in range(10)])


def test_an_alternating_load_is_calm_for_a_minute_and_busy_for_the_next(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    clock = Clock(monkeypatch)
    times = put_times(module, clock, monkeypatch)
    event = {"rate": 20, "duration": 240, "shape": "alternating", "worker": "resize"}
    module.handler(event, clock.context(900))
    assert [sum(begin <= at < begin + 60 for at in times) for begin in (0, 60, 120, 180)] == [2, 20, 2, 20]


def test_it_stops_while_there_is_time_to_say_what_it_did(
    account: Account, module: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    clock = Clock(monkeypatch)
    answer = module.handler({"rate": 60, "duration": 600, "worker": "resize"}, clock.context(30))
    assert (answer["asked"], answer["complete"]) == (600, False)
    assert answer["put"] == len(keys(account)) == 25
    assert answer["seconds"] == pytest.approx(24)


@pytest.mark.parametrize("moments", [0, 120])
def test_a_burst_that_takes_too_long_is_cut_short_and_counted_right(
    account: Account, module: ModuleType, monkeypatch: pytest.MonkeyPatch, moments: int
):
    left, over, put = iter([10_000] * moments), Event(), module.s3.put_object

    def remaining() -> int:
        milliseconds = next(left, 0)
        if not milliseconds:
            over.set()
        return milliseconds

    def put_late(**call: Any) -> None:
        over.wait(10)
        put(**call)

    monkeypatch.setattr(module.s3, "put_object", put_late)
    short = context()
    short.get_remaining_time_in_millis = remaining
    answer = module.handler({"num_messages": 120, "worker": "resize"}, short)
    assert answer["put"] == len(keys(account)) < 120
    assert answer["put"] > 0 or not moments
    assert (answer["failed"], answer["complete"]) == (0, False)


def test_objects_suit_the_worker(account: Account, module: ModuleType):
    module.handler({"num_messages": 2, "worker": "ledger"}, context())
    assert all(key.startswith("ledger/load-") and key.endswith(".txt") for key in keys(account))
    suffix, make = module.maker([".parquet", ".JSON"])
    assert (suffix, json.loads(make(3))) == (".JSON", {"sample": 3})


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "worker is None; it may be ledger, resize, tenants"),
        ({"worker": "resise"}, "'resise'"),
        ({"worker": "resize", "num_messages": 0}, "num_messages is 0"),
        ({"worker": "resize", "num_messages": True}, "num_messages is True"),
        ({"worker": "resize", "num_messages": 10_001}, "num_messages is 10001"),
        ({"worker": "resize", "num_messages": "20"}, "num_messages is '20'"),
        ({"worker": "resize", "shape": "wavy"}, "it may be burst, steady, alternating"),
        ({"worker": "resize", "shape": "steady"}, "rate is None"),
        ({"worker": "resize", "rate": 5}, "duration is None"),
        ({"worker": "resize", "rate": -1, "duration": 60}, "rate is -1"),
        ({"worker": "resize", "rate": 5, "duration": float("inf")}, "duration is inf"),
        ({"worker": "resize", "rate": 1000, "duration": 3600}, "more than 10,000"),
        ({"worker": "resize", "rate": 5, "duration": 60, "num_messages": 3}, "does not go with the shape steady"),
        ({"worker": "resize", "rate": 5, "shape": "burst"}, "does not go with the shape burst"),
        ({"worker": "resize", "sample": "a.gif"}, "ends? with .jpg, .png"),
        ({"worker": "resize", "sample": 5}, "sample is 5"),
    ],
)
def test_a_wrong_wish_is_refused_in_words(account: Account, module: ModuleType, event: dict[str, Any], message: str):
    with pytest.raises(module.BadRequest, match=message):
        module.handler(event, context())
    assert keys(account) == []


def test_where_no_object_can_be_made_a_sample_is_asked_for(module: ModuleType):
    with pytest.raises(ValueError, match="give the key of a sample"):
        module.maker([".parquet", ".avro"])
