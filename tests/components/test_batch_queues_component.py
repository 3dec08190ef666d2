from __future__ import annotations

import json
from typing import Any

import pytest
from batch_component_support import QUEUES, batch
from component_support import ACCOUNT, REGION, SITE, UNKNOWN, Declared, policy

from components.batch_settings import BatchQueue, Shares
from components.instances import FAMILIES, USABLE, check_instance_size
from policies.settings import StackConfig
from sandbox.analyzer import analyze

ENVIRONMENT, QUEUE = "aws:batch/computeEnvironment:ComputeEnvironment", "aws:batch/jobQueue:JobQueue"
POLICY, TEMPLATE = "aws:batch/schedulingPolicy:SchedulingPolicy", "aws:ec2/launchTemplate:LaunchTemplate"


@pytest.fixture(scope="module")
def found() -> Declared:
    return batch()


def environments(found: Declared, queue: str) -> list[str]:
    """Logical names of a queue's environments, in their order."""
    by_arn = {resource.outputs["arn"]: resource.name for resource in found.all(ENVIRONMENT)}
    orders = found.inputs(QUEUE, queue)["computeEnvironmentOrders"]
    assert [item["order"] for item in orders] == list(range(1, len(orders) + 1))
    return [by_arn[item["computeEnvironment"]] for item in orders]


def resources(found: Declared, environment: str) -> dict[str, Any]:
    return found.inputs(ENVIRONMENT, environment)["computeResources"]


def test_queues_of_fargate_share_their_environments_so_that_priority_decides(found: Declared) -> None:
    assert environments(found, "standard") == environments(found, "urgent") == ["fargate-spot", "fargate-on-demand"]
    assert found.inputs(QUEUE, "urgent")["priority"] > found.inputs(QUEUE, "standard")["priority"]
    assert [resources(found, name)["type"] for name in environments(found, "urgent")] == ["FARGATE_SPOT", "FARGATE"]


def test_both_environments_have_the_whole_limit() -> None:
    found = batch(max_vcpus=64)
    assert [resources(found, name)["maxVcpus"] for name in environments(found, "standard")] == [64, 64]


def test_a_queue_with_a_limit_of_its_own_has_environments_of_its_own() -> None:
    found = batch(queues={**QUEUES, "night": BatchQueue(max_vcpus=16)})
    assert environments(found, "night") == ["night-fargate-spot", "night-fargate-on-demand"]
    assert [resources(found, name)["maxVcpus"] for name in environments(found, "night")] == [16, 16]
    assert environments(found, "standard") == ["fargate-spot", "fargate-on-demand"]


def test_what_nobody_shares_is_not_there() -> None:
    found = batch(queues={"night": BatchQueue(max_vcpus=16)})
    assert found.names(ENVIRONMENT) == ["night-fargate-on-demand", "night-fargate-spot"]
    assert not found.all("aws:iam/instanceProfile:*")


def test_large_jobs_run_on_spot_instances_that_go_when_there_are_none(found: Declared) -> None:
    assert environments(found, "large") == ["large-ec2-spot"]
    large = resources(found, "large-ec2-spot")
    assert (large["type"], large["minVcpus"], large["maxVcpus"]) == ("SPOT", 0, 256)
    assert "desiredVcpus" not in large  # AWS Batch has the say
    assert (large["instanceTypes"], large["allocationStrategy"]) == (
        ["c7g", "m7g", "r7g"],
        "SPOT_PRICE_CAPACITY_OPTIMIZED",
    )
    assert large["ec2Configurations"] == [{"imageType": "ECS_AL2023"}]
    assert large["tags"]["Name"] == "serverless-batch-test-large"


def test_on_demand_instances_follow_if_the_stack_says_so() -> None:
    found = batch(queues={"large": BatchQueue(compute="ec2", on_demand=True, max_vcpus=512)})
    assert environments(found, "large") == ["large-ec2-spot", "large-ec2-on-demand"]
    second = resources(found, "large-ec2-on-demand")
    assert (second["type"], second["allocationStrategy"]) == ("EC2", "BEST_FIT_PROGRESSIVE")
    assert (second["minVcpus"], second["maxVcpus"]) == (0, 512)


def test_an_environment_can_be_changed_in_place_or_replaced_beside_the_old_one(found: Declared) -> None:
    for environment in found.all(ENVIRONMENT):
        assert "serviceRole" not in environment.inputs  # else an update would replace it
        assert environment.inputs["state"] == "ENABLED"
        assert environment.inputs["namePrefix"] == f"serverless-batch-test-{environment.name}-"
        assert "name" not in environment.inputs
        assert not environment.request.deleteBeforeReplace
    kept = found.inputs(ENVIRONMENT, "large-ec2-spot")["updatePolicy"]
    assert kept == {"jobExecutionTimeoutMinutes": 360, "terminateJobsOnUpdate": False}


def test_spot_environments_can_be_told_by_their_names(found: Declared) -> None:
    for environment in batch(queues={**QUEUES, "big": BatchQueue(compute="ec2", on_demand=True)}).all(ENVIRONMENT):
        spot = environment.inputs["computeResources"]["type"] in ("FARGATE_SPOT", "SPOT")
        assert ("-spot-" in environment.inputs["namePrefix"]) is spot


def test_jobs_run_where_the_stacks_tasks_run_and_after_the_way_out_is_there(found: Declared) -> None:
    group = found.one("aws:ec2/securityGroup:SecurityGroup").id
    for environment in found.all(ENVIRONMENT):
        assert environment.inputs["computeResources"]["securityGroupIds"] == [group]
        assert all("public" in subnet for subnet in environment.inputs["computeResources"]["subnets"])
        assert ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "tasks") in found.depends_on(environment)


SHARES = Shares(weights={"tenant*": 2.0, "reports": 1.0}, decay_seconds=3600, reservation=10)


def test_only_a_queue_with_shares_has_a_scheduling_policy() -> None:
    found = batch(queues={"standard": BatchQueue(shares=SHARES), "urgent": BatchQueue()})
    assert found.names(POLICY) == ["standard"]
    assert found.inputs(POLICY)["fairSharePolicy"] == {
        "computeReservation": 10,
        "shareDecaySeconds": 3600,
        "shareDistributions": [
            {"shareIdentifier": "reports", "weightFactor": 1.0},
            {"shareIdentifier": "tenant*", "weightFactor": 2.0},
        ],
    }
    assert found.inputs(QUEUE, "standard")["schedulingPolicyArn"] == found.one(POLICY).outputs["arn"]
    assert "schedulingPolicyArn" not in found.inputs(QUEUE, "urgent")


def test_a_queue_gets_or_loses_its_policy_by_being_made_anew(found: Declared) -> None:
    for queue in found.all(QUEUE):
        assert list(queue.request.replaceOnChanges) == ["schedulingPolicyArn"]
        assert queue.request.deleteBeforeReplace
        assert queue.inputs["name"] == f"serverless-batch-test-{queue.name}"


def test_a_queue_goes_before_its_environments_and_these_before_what_they_use(found: Declared) -> None:
    assert (ENVIRONMENT, "fargate-spot") in found.depends_on(found.one(QUEUE, "standard"))
    large = found.depends_on(found.one(ENVIRONMENT, "large-ec2-spot"))
    assert {("aws:iam/instanceProfile:InstanceProfile", "batch-instance"), (TEMPLATE, "large")} <= large
    profile = found.depends_on(found.one("aws:iam/instanceProfile:InstanceProfile"))
    assert ("aws:iam/role:Role", "batch-instance") in profile


def test_an_instance_keeps_its_credentials_and_its_disk_to_itself(found: Declared) -> None:
    template = found.inputs(TEMPLATE, "large")
    assert template["metadataOptions"]["httpTokens"] == "required"
    assert template["metadataOptions"]["httpPutResponseHopLimit"] == 1
    [volume] = template["blockDeviceMappings"]
    assert volume["ebs"] == {
        "deleteOnTermination": "true", "encrypted": "true", "volumeSize": 70, "volumeType": "gp3",
    }  # fmt: skip
    made = found.one(TEMPLATE, "large")
    assert resources(found, "large-ec2-spot")["launchTemplate"] == {"launchTemplateId": made.id, "version": "1"}
    assert list(made.request.replaceOnChanges) == ["*"]


def test_an_instance_may_join_the_clusters_of_the_stacks_environments_and_nothing_else(found: Declared) -> None:
    ours = f"arn:aws:ecs:{REGION}:{ACCOUNT}:"
    reached = {resource for s in found.statements("batch-instance") for resource in s["Resource"]}
    assert reached == {
        "*",
        f"{ours}cluster/AWSBatch-serverless-batch-test-*",
        f"{ours}container-instance/AWSBatch-serverless-batch-test-*/*",
    }
    [star] = [s for s in found.statements("batch-instance") if s["Resource"] == ["*"]]
    assert star["Action"] == ["ecs:DiscoverPollEndpoint"]
    [trust] = policy(found.inputs("aws:iam/role:Role", "batch-instance")["assumeRolePolicy"])
    assert trust["Principal"] == {"Service": "ec2.amazonaws.com"}


def test_the_order_of_the_environments_is_known_at_preview() -> None:
    found = batch(preview=True)
    component = found.one("serverless-batch:batch_queues:BatchQueues")
    assert component.inputs["environments"] == {
        "standard": ["FARGATE_SPOT", "FARGATE"], "urgent": ["FARGATE_SPOT", "FARGATE"], "large": ["SPOT"],
    }  # fmt: skip
    assert UNKNOWN not in json.dumps(component.inputs)


def test_the_policies_accept_what_it_declares() -> None:
    for preview in (True, False):
        assert analyze(batch(preview=preview).run.resources, StackConfig()) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_job_may_have_the_largest_instance_but_for_what_the_system_keeps(family: str) -> None:
    _, vcpus, gib = FAMILIES[family]
    check_instance_size(vcpus, int(vcpus * gib * 1024 * USABLE), [family])
    for vcpu, memory in ((vcpus + 1, 1024), (1, vcpus * gib * 1024)):
        with pytest.raises(ValueError, match=f"fits into no instance of {family}; at most {vcpus} vCPU"):
            check_instance_size(vcpu, memory, [family])


def test_names_are_those_of_the_site(found: Declared) -> None:
    assert {found.inputs(QUEUE, name)["name"] for name in QUEUES} == {SITE.name(name) for name in QUEUES}
