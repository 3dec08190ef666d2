import json

import pytest
from policy_cases import left_open, make, passes, refused

from policies.model import UNKNOWN

DEFINITION = "aws:batch/jobDefinition:JobDefinition"


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
