"""A Batch worker's folder and one line in the stack: what the platform makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from component_support import BATCH_WORKERS, Declared, job_containers, platform, variables

DEFINITION = "aws:batch/jobDefinition:JobDefinition"
MANIFEST = """\
description: Lines.
trigger:
  batch:
    array: 4
    share: reports
    tiers:
      - {up_to: 100 MB, vcpu: 0.5, memory: 1 GB}
      - {vcpu: 6, memory: 40 GB, queue: large}
resources: {vcpu: 0.25, memory: 512 MB, timeout: 10 min, scratch: 50 GB, architecture: arm64}
retry: {attempts: 4}
grants: [{read: uploads/lines}]
environment: {LEVEL: "3"}
input: {type: object}
"""


@pytest.fixture
def found(project: Path) -> Declared:
    folder = project / "workers/line_counter"
    folder.mkdir()
    (folder / "handler.py").write_text("def handle(input, context):\n    return {}\n")
    (folder / "worker.yaml").write_text(MANIFEST)
    with (project / "Pulumi.dev.yaml").open("a") as file:
        file.write("    line_counter: {}\n")
    return platform(project=project)


def test_the_manifest_becomes_job_definitions(found: Declared) -> None:
    assert found.names(DEFINITION) == [*BATCH_WORKERS, "line_counter", "line_counter-ec2"]
    definition = found.inputs(DEFINITION, "line_counter")
    container = json.loads(definition["containerProperties"])
    assert container["resourceRequirements"] == [{"type": "MEMORY", "value": "512"}, {"type": "VCPU", "value": "0.25"}]
    assert container["ephemeralStorage"] == {"sizeInGiB": 50}
    assert (definition["retryStrategy"]["attempts"], definition["timeout"]["attemptDurationSeconds"]) == (4, 660)
    given = variables(container)
    assert (given["ARRAY"], given["SHARE"], given["LEVEL"], given["ARCHITECTURE"]) == ("4", "reports", "3", "arm64")
    assert json.loads(given["TIERS"]) == [
        {"up_to": 100 * 1024**2, "vcpu": 0.5, "memory": 1024, "queue": "standard"},
        {"up_to": None, "vcpu": 6, "memory": 40_960, "queue": "large"},
    ]


def test_the_manifests_grants_are_the_jobs(found: Declared) -> None:
    uploads = found.one("aws:s3/bucket:Bucket", "uploads").outputs["arn"]
    read = [s["Resource"] for s in found.statements("line_counter-job") if s["Action"] == ["s3:GetObject"]]
    assert [f"{uploads}/lines/*"] in read


def test_instances_have_room_for_the_scratch_of_the_worker(found: Declared) -> None:
    [volume] = found.inputs("aws:ec2/launchTemplate:LaunchTemplate")["blockDeviceMappings"]
    assert volume["ebs"]["volumeSize"] == 80


def test_the_first_image_is_built_here_and_the_pipeline_ships_the_next_ones(found: Declared) -> None:
    image = found.one("awsx:ecr:Image", "line_counter").outputs["imageUri"]
    for definition in ("line_counter", "line_counter-ec2"):
        assert job_containers(found)[definition]["image"] == image
        assert ("awsx:ecr:Image", "line_counter") in found.depends_on(found.one(DEFINITION, definition))
    assert found.inputs("aws:ssm/parameter:Parameter", "line_counter-arm64")["insecureValue"] == image
    assert "line_counter" in found.inputs("serverless-batch:image_pipeline:ImagePipeline")["shipped"]


def test_a_release_may_make_revisions_of_each_definition_and_hand_its_roles_over(found: Declared) -> None:
    names = ["data-processor", "line-counter", "line-counter_ec2"]
    register, roles = (
        next(s["Resource"] for s in found.statements("release-project") if s["Action"] == [action])
        for action in ("batch:RegisterJobDefinition", "iam:PassRole")
    )
    arns = [d.outputs["arn"].rpartition(":")[0] for d in found.all(DEFINITION)]
    assert sorted(register) == sorted(arns)
    assert [arn.rpartition("/")[2].removeprefix("serverless-batch-dev-") for arn in register] == names
    job = job_containers(found)["line_counter"]
    assert {job["jobRoleArn"], job["executionRoleArn"]} < set(roles)


def test_the_topic_lets_the_rule_of_blocked_queues_speak(found: Declared) -> None:
    rule = found.one("aws:cloudwatch/eventRule:EventRule", "batch-blocked").outputs["arn"]
    assert rule in found.inputs("aws:sns/topicPolicy:TopicPolicy", "alerts")["policy"]
