"""ECS services keep the tasks that they should have, as processes."""

from __future__ import annotations

import json
import threading
import urllib.request
from typing import Any

import pytest
from small_cloud import BOTH, SPOT, Small

from sandbox.compute.agent import Agent
from sandbox.compute.services import MAX_PROCESSES, RETRY_SECONDS, Kept, next_provider
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("sandbox-queue")


def stopped(kept: Kept) -> bool:
    return kept.task.model.last_status == "STOPPED"


def test_a_service_wakes_from_zero_and_returns_to_it(small: Small) -> None:
    service = small.serve("s", 0)
    assert small.counts("s") == (0, 0, 0)
    small.update("s", desiredCount=2)
    small.running("s", 2)
    small.ready(2)
    assert small.counts("s") == (2, 2, 0)
    small.update("s", desiredCount=0)
    until(lambda: all(map(stopped, service.tasks)))
    assert small.counts("s") == (0, 0, 0)
    assert small.log().count("stopped") == 2
    said = [event["message"] for event in small.described("s")["events"]]
    assert "has stopped 2 running tasks" in " ".join(said)
    assert {kept.task.model.stopped_reason.split(" (")[0] for kept in service.tasks} == {
        "Scaling activity initiated by"
    }


def test_tasks_follow_the_strategys_base_and_weights(small: Small) -> None:
    small.serve("s", 3)
    tasks = small.running("s", 3)
    assert sorted(kept.task.model.capacity_provider_name for kept in tasks) == [
        "FARGATE",
        "FARGATE_SPOT",
        "FARGATE_SPOT",
    ]
    assert small.described("s")["capacityProviderStrategy"][0]["base"] == 1


def test_weights_are_kept_among_many_tasks() -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "weight": 3, "base": 2},
        {"capacityProvider": "FARGATE_SPOT", "weight": 7, "base": 0},
    ]
    placed: list[str] = []
    for _ in range(12):
        placed.append(next_provider(strategy, placed))
    assert placed[:2] == ["FARGATE", "FARGATE"]
    assert (placed[2:].count("FARGATE"), placed[2:].count("FARGATE_SPOT")) == (3, 7)


def test_a_task_that_is_lost_is_replaced(small: Small) -> None:
    service = small.serve("s", 1)
    [first] = small.running("s", 1)
    first.task.kill()
    until(lambda: stopped(first))
    until(lambda: small.counts("s") == (1, 1, 0))
    assert len(service.tasks) == 2


def test_a_reclaimed_task_is_told_and_replaced(small: Small) -> None:
    small.serve("s", 1, SPOT)
    [first] = small.running("s", 1)
    small.ready(1)
    small.compute.fargate.reclaim(first.task)
    until(lambda: stopped(first))
    assert small.log().count("stopped") == 1
    assert first.task.model.stopped_reason == "Your Spot Task was interrupted."
    [second] = small.running("s", 1)
    assert second.arn != first.arn


def test_without_spot_capacity_the_spot_share_waits_and_ecs_says_so(small: Small) -> None:
    small.compute.services.set_capacity("FARGATE_SPOT", False)
    small.serve("s", 3, BOTH)
    [task] = small.running("s", 1)
    assert task.provider == "FARGATE"
    event = until(lambda: next((e for e in small.described("s")["events"] if "unable" in e["message"]), None))
    assert "Capacity is unavailable at this time" in event["message"]
    assert event["createdAt"].timestamp() == pytest.approx(small.clock.now(), abs=1)
    small.clock.step(RETRY_SECONDS)
    assert small.counts("s") == (3, 1, 0)
    small.compute.services.set_capacity("FARGATE_SPOT", True)
    small.running("s", 3)


def test_another_strategy_replaces_the_tasks_by_a_deployment(small: Small) -> None:
    service = small.serve("s", 1, SPOT)
    [old] = small.running("s", 1)
    on_demand = [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
    small.update("s", capacityProviderStrategy=on_demand, forceNewDeployment=True)
    until(lambda: stopped(old))
    [new] = small.running("s", 1)
    assert new.provider == "FARGATE"
    until(lambda: len(small.described("s")["deployments"]) == 1)
    until(lambda: small.described("s")["deployments"][0]["rolloutState"] == "COMPLETED")
    assert service.deployment != old.deployment


def test_scale_in_spares_protected_tasks_until_they_let_go(small: Small) -> None:
    small.order.write_text("protect")
    service = small.serve("s", 1)
    [busy] = small.running("s", 1)
    small.ready(1)
    small.order.write_text("")
    small.update("s", desiredCount=2)
    [idle] = [kept for kept in small.running("s", 2) if kept is not busy]
    small.ready(2)
    small.update("s", desiredCount=0)
    until(lambda: stopped(idle))
    assert small.counts("s") == (0, 1, 0)
    protect(busy, False)
    until(lambda: stopped(busy))
    assert len(service.tasks) == 2


def test_a_deployment_that_waits_for_a_task_refuses_it_more_protection(small: Small) -> None:
    small.order.write_text("protect")
    small.serve("s", 1)
    [old] = small.running("s", 1)
    small.ready(1)
    small.order.write_text("")
    small.update("s", forceNewDeployment=True)
    until(lambda: len([kept for kept in small.compute.services.get("s").tasks if kept.running]) == 2)
    assert protect(old, True)["failure"]["Reason"] == "DEPLOYMENT_BLOCKED"
    assert "protection" in protect(old, False)
    until(lambda: stopped(old))


def test_protection_expires() -> None:
    now = [1000.0]
    agent = Agent(lambda: now[0])
    try:
        uri = agent.environment("arn:task/c/1")["ECS_AGENT_URI"]
        said = put(uri, {"ProtectionEnabled": True, "ExpiresInMinutes": 2})
        assert said["protection"] == {
            "ExpirationDate": "1970-01-01T00:18:40Z", "ProtectionEnabled": True, "TaskArn": "arn:task/c/1"
        }  # fmt: skip
        now[0] += 119
        assert agent.protects("arn:task/c/1")
        now[0] += 2
        assert not agent.protects("arn:task/c/1")
    finally:
        agent.close()


def test_a_task_that_fails_at_once_is_tried_again_after_a_pause(small: Small) -> None:
    small.order.write_text("fail")
    service = small.serve("s", 1)
    until(lambda: service.failures == 1 and stopped(service.tasks[0]))
    assert len(service.tasks) == 1
    small.order.write_text("")
    small.clock.step(2)
    small.running("s", 1)


def test_a_deployment_whose_tasks_cannot_start_is_rolled_back(small: Small) -> None:
    service = small.serve("s", 1)
    [good] = small.running("s", 1)
    until(lambda: small.described("s")["deployments"][0]["rolloutState"] == "COMPLETED")
    definition = small.described("s")["taskDefinition"]
    small.update("s", taskDefinition=small.define(secrets=[{"name": "S", "valueFrom": "arn:gone"}]))
    for failures, pause in ((1, 2), (2, 4)):
        until(lambda n=failures: service.failures == n)
        small.clock.step(pause)
    until(lambda: small.described("s")["taskDefinition"] == definition)
    assert any("rolling back" in event["message"] for event in small.described("s")["events"])
    until(lambda: small.described("s")["deployments"][0]["rolloutState"] == "COMPLETED")
    assert service.deployment != good.deployment
    assert small.counts("s") == (1, 1, 0)


def test_tasks_that_wait_for_room_go_first_and_cost_nothing(small: Small) -> None:
    service = small.serve("s", 0)
    service.places = threading.BoundedSemaphore(1)
    small.update("s", desiredCount=3)
    [running] = small.running("s", 1)
    until(lambda: small.counts("s") == (3, 1, 2))
    small.update("s", desiredCount=1)
    until(lambda: small.counts("s") == (1, 1, 0))
    assert running.running
    assert [kept.started is None for kept in service.tasks] == [False, True, True]


def test_services_leave_jobs_their_places(small: Small) -> None:
    small.serve("s", 10)
    small.running("s", MAX_PROCESSES)
    network = small.described("s")["networkConfiguration"]
    answer = small.cloud.client("ecs").run_task(
        cluster="c", taskDefinition="probe", launchType="FARGATE", networkConfiguration=network
    )
    [job] = [task for task in small.compute.fargate.running() if task.model.task_arn == answer["tasks"][0]["taskArn"]]
    until(lambda: job.model.last_status == "RUNNING")


def test_list_tasks_knows_a_services_tasks(small: Small) -> None:
    small.serve("a", 1)
    small.serve("b", 0)
    [kept] = small.running("a", 1)
    ecs = small.cloud.client("ecs")
    assert ecs.list_tasks(cluster="c", serviceName="a")["taskArns"] == [kept.arn]
    assert ecs.list_tasks(cluster="c", serviceName="b")["taskArns"] == []


def protect(kept: Kept, enabled: bool) -> dict[str, Any]:
    uri = kept.task._agent.environment(kept.arn)["ECS_AGENT_URI"]
    return put(uri, {"ProtectionEnabled": enabled})


def put(uri: str, wish: dict[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    url = f"{uri}/task-protection/v1/state"
    request = urllib.request.Request(url, json.dumps(wish).encode(), headers, method="PUT")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
