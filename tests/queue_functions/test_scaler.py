from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.queue_functions.queue_support import CLUSTER, TABLE, Account, context

START = 1_750_000_000.0
SPOT = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
ON_DEMAND = [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
NO_CAPACITY = "(service resize) was unable to place a task. Reason: Capacity is unavailable at this time."


@pytest.fixture(scope="module")
def module(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("scaler")


class Minutes:
    """Runs the scaler, a minute later each time."""

    def __init__(self, module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
        self._module, self._patch, self._capsys = module, monkeypatch, capsys
        self.now = START

    def run(self, minutes: int = 1) -> dict[str, dict[str, Any]]:
        """What the last round published, by queue."""
        for _ in range(minutes):
            self.now += 60
            self._patch.setattr(time, "time", lambda: self.now)
            self._capsys.readouterr()
            self._module.handler({}, context())
        return self.published()

    def published(self) -> dict[str, dict[str, Any]]:
        lines = [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]
        blobs = [line for line in lines if "_aws" in line]
        for blob in blobs:
            [definition] = blob.pop("_aws")["CloudWatchMetrics"]
            assert (definition["Namespace"], definition["Dimensions"]) == ("serverless-batch", [["Queue"]])
        return {
            blob.pop("Queue"): {name: value[0] for name, value in blob.items() if isinstance(value, list)}
            for blob in blobs
        }


@pytest.fixture
def minutes(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], account: Account
) -> Minutes:
    return Minutes(module, monkeypatch, capsys)


class Service:
    """What DescribeServices tells of `resize` beyond moto's knowledge; UpdateService changes it as ECS would."""

    def __init__(self, module: ModuleType, monkeypatch: pytest.MonkeyPatch):
        self.running: int | None = None
        self.strategy: list[dict[str, Any]] = SPOT
        self.events: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self._describe, self._update = module.ecs.describe_services, module.ecs.update_service
        monkeypatch.setattr(module.ecs, "describe_services", self.describe)
        monkeypatch.setattr(module.ecs, "update_service", self.update)

    def describe(self, **call: Any) -> dict[str, Any]:
        answer = self._describe(**call)
        for service in answer["services"]:
            if service["serviceName"] == "resize":
                service |= {"capacityProviderStrategy": self.strategy, "events": self.events}
                if self.running is not None:
                    service["runningCount"] = self.running
        return answer

    def update(self, **call: Any) -> None:
        self.updates.append(call)
        self.strategy = call.get("capacityProviderStrategy", self.strategy)
        if "desiredCount" in call:
            self._update(**call)

    def says(self, text: str, at: float) -> None:
        self.events.insert(0, {"createdAt": dt.datetime.fromtimestamp(at, dt.UTC), "message": text})


@pytest.fixture
def service(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The only one that the scaler looks after."""
    monkeypatch.setattr(module, "workers", [worker for worker in module.workers if worker.name == "resize"])
    return Service(module, monkeypatch)


# --- metrics -------------------------------------------------------------------------------------------------


def test_every_queue_is_published_with_its_name_as_the_only_dimension(account: Account, minutes: Minutes):
    account.fill("resize", 12)
    account.set_desired("resize", 3)
    published = minutes.run()
    assert set(published) == {"resize", "ledger.fifo", "tenants"}
    assert published["resize"] == {"Backlog": 12.0, "BacklogPerTask": 4.0, "RunningTasks": 3.0, "DesiredTasks": 3.0}
    idle = {"Backlog": 0.0, "BacklogPerTask": 0.0, "RunningTasks": 0.0, "DesiredTasks": 0.0}
    assert published["tenants"] == idle
    assert published["ledger.fifo"] == idle | {"MessageGroups": 0.0}


def test_visible_and_delayed_messages_and_those_in_flight_are_backlog(account: Account, minutes: Minutes):
    account.fill("resize", 3)
    account.messages("resize")
    account.fill("resize", 2)
    account.fill("resize", 1, DelaySeconds=600)
    assert minutes.run()["resize"]["Backlog"] == 6


def test_backlog_per_task_is_published_even_if_no_task_runs(account: Account, minutes: Minutes, service: Service):
    account.fill("resize", 9)
    service.running = 0
    assert minutes.run()["resize"]["BacklogPerTask"] == 9


# --- waking --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("waiting", "tasks"), [(1, 1), (6, 2), (51, 10)])
def test_what_the_enqueuer_missed_is_woken(account: Account, minutes: Minutes, waiting: int, tasks: int):
    account.fill("resize", waiting)
    assert minutes.run()["resize"]["DesiredTasks"] == tasks
    assert account.desired("resize") == tasks


def test_a_service_in_between_is_left_alone(account: Account, minutes: Minutes, service: Service):
    account.fill("resize", 3)
    account.set_desired("resize", 6)
    minutes.run(7)
    assert account.desired("resize") == 6
    assert service.updates == []


def test_a_fifo_queue_gets_no_more_tasks_than_groups(account: Account, minutes: Minutes):
    account.memory.add_groups(account.workers["ledger"], {"ledger/a", "ledger/b"})
    for number in range(40):
        account.fill("ledger", 1, MessageGroupId="a", MessageDeduplicationId=str(number))
    assert minutes.run()["ledger.fifo"] == {
        "Backlog": 40.0, "BacklogPerTask": 40.0, "RunningTasks": 0.0, "DesiredTasks": 2.0, "MessageGroups": 2.0
    }  # fmt: skip


def test_a_service_below_its_minimum_is_brought_to_it(
    account: Account, module: ModuleType, minutes: Minutes, monkeypatch: pytest.MonkeyPatch
):
    [worker] = [worker for worker in module.workers if worker.name == "resize"]
    kept = replace(worker, bounds=replace(worker.bounds, minimum=2))
    monkeypatch.setattr(module, "workers", [kept])
    minutes.run()
    assert account.desired("resize") == 2


# --- scaling in ----------------------------------------------------------------------------------------------


def test_a_drained_service_scales_in_after_the_cooldown_and_not_before(
    account: Account, minutes: Minutes, service: Service
):
    account.set_desired("resize", 4)
    minutes.run(5)
    assert account.desired("resize") == 4
    minutes.run()
    assert account.desired("resize") == 0


def test_a_message_in_flight_or_delayed_keeps_the_service(account: Account, minutes: Minutes):
    account.set_desired("resize", 4)
    account.set_desired("tenants", 4)
    account.fill("resize", 1)
    account.messages("resize")
    account.fill("tenants", 1, DelaySeconds=900)
    minutes.run(10)
    assert (account.desired("resize"), account.desired("tenants")) == (4, 4)


def test_a_message_in_between_begins_the_cooldown_anew(account: Account, minutes: Minutes, service: Service):
    account.set_desired("resize", 1)
    minutes.run(4)
    account.fill("resize", 1)
    minutes.run()
    account.empty("resize")
    minutes.run(5)
    assert account.desired("resize") == 1
    minutes.run()
    assert account.desired("resize") == 0


def test_messages_that_come_and_go_between_two_rounds_keep_the_service(
    account: Account, minutes: Minutes, service: Service
):
    account.set_desired("resize", 2)
    for _ in range(12):
        minutes.run()
        account.memory.may_wake(account.workers["resize"], 1, minutes.now + 30)  # as the enqueuer does
    assert account.desired("resize") == 2


def test_an_idle_stack_writes_nothing(account: Account, minutes: Minutes, service: Service):
    minutes.run(2)
    before = account.remembered("resize")
    minutes.run(8)
    assert account.remembered("resize") == before
    assert service.updates == []


def test_a_message_sent_in_the_moment_of_scaling_in_wakes_the_service_again(
    account: Account, minutes: Minutes, service: Service
):
    account.set_desired("resize", 4)
    minutes.run(5)
    update = service.update

    def update_after_an_upload(**call: Any) -> None:
        service.update = update
        if call["desiredCount"] == 0:
            account.memory.may_wake(account.workers["resize"], 1, minutes.now)  # the queue counts it only later
        update(**call)

    minutes._patch.setattr(minutes._module.ecs, "update_service", update_after_an_upload)
    minutes.run()
    assert account.desired("resize") == 1


def test_a_message_sent_just_before_prevents_scaling_in(account: Account, minutes: Minutes, service: Service):
    account.set_desired("resize", 4)
    minutes.run(5)
    recall = minutes._module.memory.recall

    def recall_before_an_upload(worker: Any) -> Any:
        past = recall(worker)
        if worker.name == "resize":
            account.memory.may_wake(worker, 1, minutes.now)
        return past

    minutes._patch.setattr(minutes._module.memory, "recall", recall_before_an_upload)
    minutes.run()
    assert account.desired("resize") == 4
    assert service.updates == []


def test_a_fifo_queue_forgets_its_groups_when_it_has_drained(account: Account, minutes: Minutes):
    account.memory.add_groups(account.workers["ledger"], {"ledger/a", "ledger/b"})
    account.set_desired("ledger", 2)
    minutes.run(6)
    assert minutes.run()["ledger.fifo"]["MessageGroups"] == 0


# --- stalled services ----------------------------------------------------------------------------------------


def test_a_service_without_a_task_while_messages_wait_is_published_and_logged_with_what_ecs_says(
    account: Account, minutes: Minutes, service: Service, caplog: pytest.LogCaptureFixture
):
    account.fill("resize", 1)
    account.set_desired("resize", 1)
    service.running = 0
    service.says("an old story", START - 3600)
    assert minutes.run()["resize"]["StalledSeconds"] == 0
    service.says("(service resize) was unable to start a task: CannotPullContainerError", START + 90)
    assert minutes.run(5)["resize"]["StalledSeconds"] == 300
    warning = caplog.records[-1]
    assert warning.message == "messages wait and no task runs"
    assert vars(warning)["ecs_says"] == ["(service resize) was unable to start a task: CannotPullContainerError"]
    service.running = 1
    assert "StalledSeconds" not in minutes.run()["resize"]
    service.running = 0
    assert minutes.run()["resize"]["StalledSeconds"] == 0


def test_a_service_that_is_being_woken_is_not_stalled(account: Account, minutes: Minutes, service: Service):
    account.fill("resize", 1)
    service.running = 0
    assert "StalledSeconds" not in minutes.run()["resize"]


# --- capacity ------------------------------------------------------------------------------------------------


def short_of_spot(account: Account, service: Service, minutes: Minutes, rounds: int) -> None:
    account.fill("resize", 1)
    account.set_desired("resize", 1)
    service.running = 0
    minutes.run()
    service.says(NO_CAPACITY, minutes.now + 30)
    minutes.run(rounds)


def test_on_demand_takes_over_when_spot_keeps_a_service_without_a_task(
    account: Account, minutes: Minutes, service: Service
):
    short_of_spot(account, service, minutes, 1)
    assert service.strategy == SPOT
    minutes.run()
    assert service.strategy == ON_DEMAND
    assert service.updates[-1]["forceNewDeployment"] is True
    minutes.run(10)
    assert len(service.updates) == 1


def test_spot_comes_back_when_the_queue_has_drained(account: Account, minutes: Minutes, service: Service):
    short_of_spot(account, service, minutes, 2)
    service.running = 1
    minutes.run(3)
    account.empty("resize")
    minutes.run(6)
    assert (service.strategy, account.desired("resize")) == (ON_DEMAND, 0)
    service.running = 0
    minutes.run()
    assert service.strategy == SPOT
    assert "on_demand_since" not in account.remembered("resize")


def test_spot_is_tried_again_after_an_hour_for_a_queue_that_never_drains(
    account: Account, minutes: Minutes, service: Service
):
    short_of_spot(account, service, minutes, 2)
    service.running = 1
    minutes.run(59)
    assert service.strategy == ON_DEMAND
    minutes.run()
    assert service.strategy == SPOT


def test_a_deployment_that_brings_spot_back_is_respected(account: Account, minutes: Minutes, service: Service):
    short_of_spot(account, service, minutes, 2)
    service.strategy = [*SPOT, *ON_DEMAND]
    service.running = 1
    minutes.run()
    assert service.strategy == [*SPOT, *ON_DEMAND]
    assert "on_demand_since" not in account.remembered("resize")


@pytest.mark.parametrize("case", ["tasks run", "another reason", "long ago", "no spot"])
def test_capacity_stays_as_declared_where_spot_is_not_what_is_missing(
    account: Account, minutes: Minutes, service: Service, case: str
):
    account.fill("resize", 1)
    account.set_desired("resize", 2)
    service.running = 1 if case == "tasks run" else 0
    service.strategy = ON_DEMAND if case == "no spot" else SPOT
    text = "has started 1 tasks" if case == "another reason" else NO_CAPACITY
    service.says(text, START - 3600 if case == "long ago" else START + 90)
    minutes.run(7)
    assert service.updates == []


def test_a_failed_change_of_capacity_is_tried_again(account: Account, minutes: Minutes, service: Service, module: Any):
    update = service.update
    broken = [True]

    def fail_once(**call: Any) -> None:
        if "capacityProviderStrategy" in call and broken.pop():
            broken.append(False)
            raise error("ServerException")
        update(**call)

    minutes._patch.setattr(module.ecs, "update_service", fail_once)
    with pytest.raises(module.NotScaled):
        short_of_spot(account, service, minutes, 2)
    service.says(NO_CAPACITY, minutes.now + 150)
    minutes.run(5)
    assert service.strategy == ON_DEMAND


# --- failures ------------------------------------------------------------------------------------------------


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "…"}}, "Call")


def test_one_worker_s_failure_hides_no_other_s(
    account: Account, module: ModuleType, minutes: Minutes, monkeypatch: pytest.MonkeyPatch
):
    for name in account.workers:
        if name != "ledger":
            account.fill(name, 6)
    read = module.sqs.get_queue_attributes

    def only_others(**call: Any) -> Any:
        if "resize" in call["QueueUrl"]:
            raise error("RequestThrottled")
        return read(**call)

    monkeypatch.setattr(module.sqs, "get_queue_attributes", only_others)
    with pytest.raises(module.NotScaled, match="not looked after: resize"):
        minutes.run()
    assert set(minutes.published()) == {"tenants", "ledger.fifo"}
    assert (account.desired("tenants"), account.desired("resize")) == (2, 0)


@pytest.mark.parametrize("case", ["deleted", "never there"])
def test_a_missing_service_is_a_failure_with_its_name(
    account: Account, module: ModuleType, minutes: Minutes, caplog: pytest.LogCaptureFixture, case: str
):
    account.ecs.delete_service(cluster=CLUSTER, service="resize", force=True)
    if case == "never there":
        account.ecs.delete_cluster(cluster=CLUSTER)
        account.ecs.create_cluster(clusterName=CLUSTER)
    with pytest.raises(module.NotScaled, match="resize"):
        minutes.run()
    assert "no active service resize" in caplog.text


def test_without_the_table_every_worker_is_named(account: Account, module: ModuleType, minutes: Minutes):
    account.dynamodb.Table(TABLE).delete()
    with pytest.raises(module.NotScaled, match="ledger, resize, tenants"):
        minutes.run()
