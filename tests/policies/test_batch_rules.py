import json

import pytest
from policy_cases import left_open, make, passes, refused

from policies.model import UNKNOWN

QUEUE = "aws:batch/jobQueue:JobQueue"
ENVIRONMENT = "aws:batch/computeEnvironment:ComputeEnvironment"
DEFINITION = "aws:batch/jobDefinition:JobDefinition"
COMPONENT = "serverless-batch:batch_queues:BatchQueues"


def environment(name, type_, **resources):
    arn = f"arn:aws:batch:r:1:compute-environment/{name}"
    return make(ENVIRONMENT, name, arn=arn, id=arn, computeResources={"type": type_, **resources})


spot, fargate = environment("spot", "FARGATE_SPOT"), environment("fargate", "FARGATE")
instances, on_demand = environment("instances", "SPOT", minVcpus=0), environment("on-demand", "EC2")
STACK = (spot, fargate, instances, on_demand)


def queue(*environments, **more):
    orders = [{"order": order, "computeEnvironment": one.get("arn")} for order, one in enumerate(environments, start=1)]
    return make(QUEUE, "jobs", computeEnvironmentOrders=orders, **more)


def at_preview(*environments, inside=""):
    """As the engine hands it over before anything exists: which one comes first is not known."""
    orders = [{"order": order + 1, "computeEnvironment": UNKNOWN} for order in range(len(environments))]
    return make(
        QUEUE, "jobs", computeEnvironmentOrders=orders, links={"computeEnvironmentOrders": environments}, inside=inside
    )


@pytest.mark.parametrize("environments", [[spot], [spot, fargate], [instances], [instances, on_demand]])
def test_a_queue_that_begins_on_spot_passes(environments):
    passes("spot-batch-queue", queue(*environments), *STACK)
    passes("batch-queue-one-kind", queue(*environments), *STACK)


@pytest.mark.parametrize("environments", [[fargate], [fargate, spot], [on_demand, instances]])
def test_a_queue_that_begins_on_demand_is_refused(environments):
    message = refused("spot-batch-queue", queue(*environments), *STACK)
    assert message.startswith("JobQueue 'jobs' begins on demand. Put an environment of the type FARGATE_SPOT or SPOT")


def test_the_order_counts_and_not_the_place_in_the_list():
    arns = {name: one.get("arn") for name, one in (("spot", spot), ("fargate", fargate))}
    turned = [{"order": 2, "computeEnvironment": arns["fargate"]}, {"order": 1, "computeEnvironment": arns["spot"]}]
    passes("spot-batch-queue", make(QUEUE, computeEnvironmentOrders=turned), *STACK)
    back = [{"order": "2", "computeEnvironment": arns["spot"]}, {"order": "1", "computeEnvironment": arns["fargate"]}]
    refused("spot-batch-queue", make(QUEUE, computeEnvironmentOrders=back), *STACK)


def test_an_environment_of_elsewhere_shows_nothing():
    elsewhere = environment("elsewhere", "FARGATE_SPOT")
    assert "is not declared in this stack" in refused("spot-batch-queue", queue(elsewhere), spot)
    passes("spot-batch-queue", queue(spot, elsewhere), spot)


@pytest.mark.parametrize("orders", [None, [], [{}], 7])
def test_a_queue_without_environments_is_refused(orders):
    refused("spot-batch-queue", make(QUEUE, computeEnvironmentOrders=orders), *STACK)


@pytest.mark.parametrize("environments", [[spot, on_demand], [instances, fargate], [spot, instances]])
def test_fargate_and_instances_never_mix(environments):
    message = refused("batch-queue-one-kind", queue(*environments), *STACK)
    assert message == (
        "JobQueue 'jobs' has environments of Fargate and of EC2, and AWS Batch refuses such a queue. Make two queues."
    )
    assert "Fargate and of EC2" in refused("batch-queue-one-kind", at_preview(*environments), *STACK)


def test_at_preview_a_queue_is_judged_by_what_its_environments_depend_on():
    passes("spot-batch-queue", at_preview(spot), *STACK)
    assert "begins on demand" in refused("spot-batch-queue", at_preview(fargate), *STACK)
    passes("batch-queue-one-kind", at_preview(spot), *STACK)
    left_open("spot-batch-queue", at_preview(spot, fargate), *STACK)


def test_at_preview_a_queue_without_any_spot_is_refused():
    other = environment("other", "FARGATE")
    assert "has no environment on Spot" in refused("spot-batch-queue", at_preview(fargate, other), *STACK, other)


@pytest.mark.parametrize("rule", ["spot-batch-queue", "batch-queue-one-kind"])
def test_what_nobody_knows_is_left_to_the_update(rule):
    left_open(rule, make(QUEUE, computeEnvironmentOrders=UNKNOWN), *STACK)
    left_open(rule, make(QUEUE, computeEnvironmentOrders=[{"order": 1, "computeEnvironment": UNKNOWN}]), *STACK)
    unknown = environment("unknown", UNKNOWN)
    left_open(rule, queue(unknown), unknown)


@pytest.mark.parametrize("rule", ["spot-batch-queue", "batch-queue-one-kind"])
def test_the_component_answers_for_its_queues_at_preview(rule):
    inside = at_preview(spot, fargate, inside=COMPONENT)
    passes(rule, make(COMPONENT, environments={"jobs": ["FARGATE_SPOT", "FARGATE"]}), inside, *STACK)


def test_what_the_component_says_is_judged():
    wrong = make(COMPONENT, "batch", environments={"a": ["FARGATE_SPOT"], "b": ["FARGATE", "FARGATE_SPOT"]})
    assert "BatchQueues 'batch' begins on demand for its queue 'b'." in refused("spot-batch-queue", wrong)
    mixed = make(COMPONENT, "batch", environments={"a": ["FARGATE_SPOT", "EC2"]})
    assert "of Fargate and of EC2 for its queue 'a'" in refused("batch-queue-one-kind", mixed)
    passes("spot-batch-queue", mixed)


def test_the_component_does_not_answer_for_a_queue_at_the_update():
    inside = make(
        QUEUE, "jobs", computeEnvironmentOrders=queue(fargate).get("computeEnvironmentOrders"), inside=COMPONENT
    )
    refused("spot-batch-queue", inside, *STACK)


@pytest.mark.parametrize("least", [None, 0, "0"])
def test_environments_that_keep_nothing_pass(least):
    passes("batch-scale-to-zero", environment("e", "SPOT", minVcpus=least))


def test_instances_that_wait_for_jobs_are_refused():
    message = refused("batch-scale-to-zero", environment("e", "SPOT", minVcpus=4))
    assert message.startswith("ComputeEnvironment 'e' keeps 4 vCPUs while no job runs, and at most 0 may be.")
    passes("batch-scale-to-zero", environment("e", "SPOT", minVcpus=4), maxMinVcpus=4)
    refused("batch-scale-to-zero", environment("e", "SPOT", minVcpus="many"))
    left_open("batch-scale-to-zero", environment("e", "SPOT", minVcpus=UNKNOWN))


def definition(logging, **more):
    container = {"image": "i"} if logging is None else {"image": "i", "logConfiguration": logging}
    return make(DEFINITION, "job", containerProperties=json.dumps(container), **more)


GOOD = {"logDriver": "awslogs", "options": {"awslogs-group": "/p/jobs"}}


def test_a_job_with_a_log_group_or_a_service_for_logs_passes():
    passes("batch-job-logging", definition(GOOD))
    passes("batch-job-logging", definition({"logDriver": "splunk", "options": {}}))
    passes("batch-job-logging", make(DEFINITION, containerProperties={"logConfiguration": GOOD}))


@pytest.mark.parametrize(
    ("logging", "why"),
    [
        (None, "says nothing of logs, so they go to the account's group /aws/batch/job and are kept for ever"),
        ({}, "says nothing of logs"),
        ({"logDriver": ""}, "says nothing of logs"),
        ("awslogs", "says nothing of logs"),
        ({"logDriver": "awslogs"}, "names no log group"),
        ({"logDriver": "awslogs", "options": {"awslogs-region": "r"}}, "names no log group"),
        ({"logDriver": "json-file"}, "leaves its logs on the instance"),
        ({"logDriver": "none"}, "leaves its logs on the instance"),
    ],
)
def test_a_job_whose_logs_are_lost_or_everybodys_is_refused(logging, why):
    assert why in refused("batch-job-logging", definition(logging))


def test_every_container_of_a_job_is_judged():
    several = {"taskProperties": [{"containers": [{"logConfiguration": GOOD}, {"image": "i"}]}]}
    assert "says nothing" in refused("batch-job-logging", make(DEFINITION, ecsProperties=json.dumps(several)))
    nodes = {"nodeRangeProperties": [{"container": {"image": "i"}}]}
    assert "says nothing" in refused("batch-job-logging", make(DEFINITION, nodeProperties=json.dumps(nodes)))
    passes("batch-job-logging", make(DEFINITION, eksProperties={"podProperties": {}}))


def test_properties_of_any_other_shape_are_refused_and_unknown_ones_left_to_the_update():
    assert "no JSON object" in refused("batch-job-logging", make(DEFINITION, containerProperties="{"))
    left_open("batch-job-logging", make(DEFINITION, containerProperties=UNKNOWN))
    left_open("batch-job-logging", make(DEFINITION, containerProperties={"logConfiguration": UNKNOWN}))
    left_open(
        "batch-job-logging",
        make(DEFINITION, containerProperties={"logConfiguration": {"logDriver": "awslogs", "options": UNKNOWN}}),
    )
