"""The release: all of a worker or none of it, and as often as one likes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError
from pipeline_cloud import CLUSTER, SERVICE, STACK, WORKERS, Client, Cloud, image

from pipeline.failures import StepFailed
from pipeline.release import Release
from pipeline.released import Released

NEW = {worker: image(worker, "1") for worker in WORKERS}
OLD = {worker: image(worker, "0") for worker in WORKERS}


def release(cloud: Cloud, images: dict[str, str] = NEW, *, ecs: Any = None, ssm: Any = None) -> None:
    Release(
        STACK,
        Released(STACK, ssm or cloud.ssm),
        ecs or cloud.ecs,
        cloud.batch,
        cluster=CLUSTER,
        services=[SERVICE],
        poll_seconds=0,
    ).run(images)


def refused(*_: Any, **__: Any) -> Any:
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AnyCall")


def test_the_next_task_and_the_service_run_the_new_image(cloud: Cloud) -> None:
    release(cloud)
    assert {worker: cloud.runs(worker) for worker in WORKERS} == NEW
    assert {worker: cloud.released(worker) for worker in WORKERS} == NEW
    assert cloud.service() == NEW[SERVICE]


def test_a_new_revision_differs_by_the_image_alone(cloud: Cloud) -> None:
    before = cloud.newest(STACK.family("report"))
    release(cloud)
    after = cloud.newest(STACK.family("report"))
    described = {"revision", "taskDefinitionArn", "registeredAt", "containerDefinitions"}
    assert {k: v for k, v in before.items() if k not in described} == {
        k: v for k, v in after.items() if k not in described
    }
    [old], [new] = before["containerDefinitions"], after["containerDefinitions"]
    assert old | {"image": NEW["report"]} == new
    tags = cloud.ecs.describe_task_definition(taskDefinition=after["family"], include=["TAGS"])["tags"]
    assert tags == [{"key": "cost-center", "value": "batch"}]


def test_a_release_that_is_repeated_changes_nothing(cloud: Cloud) -> None:
    release(cloud)
    revisions = [cloud.revisions(worker) for worker in WORKERS]
    release(cloud, ecs=Client(cloud.ecs, update_service=refused), ssm=Client(cloud.ssm, put_parameter=refused))
    assert [cloud.revisions(worker) for worker in WORKERS] == revisions


def test_a_release_that_was_cut_off_is_completed(cloud: Cloud) -> None:
    """At its worst place: the parameter says that it is done, and nothing is."""
    for worker in WORKERS:
        cloud.ssm.put_parameter(Name=STACK.parameter(worker), Value=NEW[worker], Overwrite=True)
    release(cloud)
    assert {worker: cloud.runs(worker) for worker in WORKERS} == NEW
    assert cloud.service() == NEW[SERVICE]


def test_a_release_that_was_cut_off_and_then_fails_goes_back_to_what_the_service_runs(cloud: Cloud) -> None:
    cloud.ssm.put_parameter(Name=STACK.parameter(SERVICE), Value=NEW[SERVICE], Overwrite=True)
    with pytest.raises(StepFailed, match=f"^{SERVICE}: .*went back to"):
        release(cloud, {SERVICE: NEW[SERVICE]}, ecs=Client(cloud.ecs, update_service=RollsBack(cloud, NEW[SERVICE])))
    assert (cloud.released(SERVICE), cloud.runs(SERVICE), cloud.service()) == (OLD[SERVICE],) * 3


def test_a_service_has_as_long_as_its_busy_tasks_may_take_and_half_an_hour(cloud: Cloud) -> None:
    asked: list[int] = []

    class Waiter:
        def wait(self, **request: Any) -> None:
            asked.append(request["WaiterConfig"]["MaxAttempts"])

    release(cloud, {SERVICE: NEW[SERVICE]}, ecs=Client(cloud.ecs, get_waiter=lambda _: Waiter()))
    assert asked == [(600 + 1800) // 15]


def test_a_service_that_cannot_be_updated_takes_everything_of_its_worker_back(cloud: Cloud) -> None:
    with pytest.raises(StepFailed, match=f"^{SERVICE}: .*AccessDenied"):
        release(cloud, {SERVICE: NEW[SERVICE]}, ecs=Client(cloud.ecs, update_service=refused))
    assert (cloud.released(SERVICE), cloud.runs(SERVICE), cloud.service()) == (OLD[SERVICE],) * 3


class RollsBack:
    """update_service as ECS's circuit breaker makes it: told as a success, and the image is the old one again."""

    def __init__(self, cloud: Cloud, bad: str):
        self._cloud, self._bad, self.asked = cloud, bad, []

    def __call__(self, **request: Any) -> Any:
        wanted = self._cloud.newest(request["taskDefinition"])["containerDefinitions"][0]["image"]
        self.asked.append(wanted)
        if wanted != self._bad:
            return self._cloud.ecs.update_service(**request)
        return {}


def test_a_deployment_that_the_circuit_breaker_rolled_back_is_a_failure(cloud: Cloud) -> None:
    update = RollsBack(cloud, NEW[SERVICE])
    with pytest.raises(
        StepFailed, match=rf"^{SERVICE}: the service serverless-batch-dev-{SERVICE} went back to .*0000"
    ):
        release(cloud, ecs=Client(cloud.ecs, update_service=update))
    assert update.asked == [NEW[SERVICE]]  # the service is back by itself
    assert (cloud.released(SERVICE), cloud.runs(SERVICE), cloud.service()) == (OLD[SERVICE],) * 3
    assert (cloud.released("report"), cloud.runs("report")) == (NEW["report"],) * 2  # is not the other's business


def test_a_service_that_never_becomes_steady_is_a_failure(cloud: Cloud) -> None:
    class Waiter:
        def wait(self, **_: Any) -> None:
            if cloud.service() == NEW[SERVICE]:
                raise WaiterError("ServicesStable", "Max attempts exceeded", {})

    with pytest.raises(StepFailed, match="did not become steady"):
        release(cloud, ecs=Client(cloud.ecs, get_waiter=lambda _: Waiter()))
    assert (cloud.released(SERVICE), cloud.runs(SERVICE), cloud.service()) == (OLD[SERVICE],) * 3


def test_the_parameter_goes_ahead_of_the_revision(cloud: Cloud) -> None:
    """A `pulumi up` between the two must not go back."""
    seen: list[str] = []

    def register(**request: Any) -> Any:
        seen.append(cloud.released("report"))
        return cloud.ecs.register_task_definition(**request)

    release(cloud, {"report": NEW["report"]}, ecs=Client(cloud.ecs, register_task_definition=register))
    assert seen == [NEW["report"]]


def test_a_worker_that_the_stack_does_not_have_is_not_released(cloud: Cloud) -> None:
    with pytest.raises(StepFailed, match="unknown: is no worker of the stack that this pipeline ships"):
        release(cloud, {"unknown": image("unknown", "1"), "report": NEW["report"]})
    assert cloud.released("report") == NEW["report"]


def test_a_service_that_is_missing_is_named(cloud: Cloud) -> None:
    cloud.ecs.delete_service(cluster=CLUSTER, service=STACK.family(SERVICE), force=True)
    missing = Client(cloud.ecs, describe_services=lambda **_: {"services": []})
    with pytest.raises(StepFailed, match=f"there is no service serverless-batch-dev-{SERVICE}"):
        release(cloud, ecs=missing)
