"""What follows from a stack's settings and from its workers' manifests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from component_support import (
    ACCOUNT,
    API_WORKERS,
    ECS_WORKERS,
    PROJECT,
    REGION,
    WORKERS,
    Declared,
    containers,
    declared,
    platform,
    pods,
    variables,
)

from components.platform import Platform
from components.settings import parse_settings
from components.stackfile import engine_config

VPC = "awsx:ec2:Vpc"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"


def test_another_worker_folder_and_one_line_add_exactly_its_resources(project: Path) -> None:
    before = platform({"pipeline": {}}, project=project)
    folder = project / "workers/word_count"
    folder.mkdir()
    (folder / "handler.py").write_text("def handle(input, context):\n    return {}\n")
    (folder / "worker.yaml").write_text(
        "description: Counts words.\ntrigger: api\nresources: {vcpu: 0.25, memory: 512 MB, timeout: 1 min}\n"
        "grants: [{read: uploads/texts}]\ninput: {type: object}\n"
    )
    with (project / "Pulumi.dev.yaml").open("a") as file:
        file.write("    word_count: {}\n")
    after = platform({"pipeline": {}}, project=project)
    assert before.by_urn().keys() <= after.by_urn().keys()
    added = [resource for urn, resource in after.by_urn().items() if urn not in before.by_urn()]
    assert sorted((r.type, r.name) for r in added) == [
        ("aws:cloudwatch/logGroup:LogGroup", "word_count"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "word_count-dlq"),
        ("aws:ecs/taskDefinition:TaskDefinition", "word_count"),
        ("aws:iam/role:Role", "word_count-execution"),
        ("aws:iam/role:Role", "word_count-task"),
        ("aws:iam/rolePolicy:RolePolicy", "word_count-execution"),
        ("aws:iam/rolePolicy:RolePolicy", "word_count-task"),
        ("aws:lambda/eventSourceMapping:EventSourceMapping", "word_count"),
        ("aws:sqs/queue:Queue", "word_count"),
        ("aws:sqs/queue:Queue", "word_count-dlq"),
        ("aws:sqs/queuePolicy:QueuePolicy", "word_count"),
        ("aws:sqs/queuePolicy:QueuePolicy", "word_count-dlq"),
        ("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "word_count-dlq"),
        ("awsx:ecr:Image", "word_count"),
        ("awsx:ecr:Repository", "word_count"),
        ("serverless-batch:image:WorkerImage", "word_count"),
        ("serverless-batch:permissions:Role", "word_count-execution"),
        ("serverless-batch:permissions:Role", "word_count-task"),
        ("serverless-batch:queue:Queue", "word_count"),
        ("serverless-batch:task:FargateTask", "word_count"),
    ]
    known = before.by_urn()
    changed = {r.type for urn, r in after.by_urn().items() if urn in known and r.inputs != known[urn].inputs}
    assert changed == {
        "aws:iam/rolePolicy:RolePolicy",  # of handler and launcher
        "aws:lambda/function:Function",  # their catalogue
        "serverless-batch:job_api:JobApi",
        "serverless-batch:job_runner:JobRunner",
        "serverless-batch:permissions:Role",
    }
    granted = [s for s in after.statements("word_count-task") if s["Action"] == ["s3:GetObject"]]
    assert granted[0]["Resource"] == [f"arn:aws:s3:::serverless-batch-dev-uploads-{ACCOUNT}/texts/*"]


DIGEST = "sha256:" + "a" * 64
IMAGES = {
    "content_analyzer": f"210987654321.dkr.ecr.us-east-1.amazonaws.com/team/words@{DIGEST}",
    "etl_processor": f"public.ecr.aws/team/loader@{DIGEST}",
    "image_alt_generator": f"public.ecr.aws/team/words@{DIGEST}",
}


@pytest.fixture(scope="module")
def with_images() -> Declared:
    return platform({"images": IMAGES, "pipeline": {}})


def test_an_image_given_by_digest_is_used_and_not_built(with_images: Declared) -> None:
    found = with_images
    images = {name: container["image"] for name, container in containers(found).items()}
    images |= {name: pod["containers"][0]["image"] for name, pod in pods(found).items()}
    assert images.items() >= IMAGES.items()
    for type_ in ("awsx:ecr:Image", "awsx:ecr:Repository", "serverless-batch:image:WorkerImage"):
        assert found.names(type_) == sorted(set(WORKERS) - IMAGES.keys())


def test_an_image_is_pulled_from_the_ecr_repository_that_it_lies_in_and_elsewhere_without_permission(
    with_images: Declared,
) -> None:
    found = with_images
    own = found.inputs("awsx:ecr:Repository", "meta_desc_generator")["name"]
    pulls = {
        worker: [s["Resource"] for s in found.statements(f"{worker}-execution") if "ecr:BatchGetImage" in s["Action"]]
        for worker in API_WORKERS
    }
    assert pulls == {
        "content_analyzer": [["arn:aws:ecr:us-east-1:210987654321:repository/team/words"]],
        "image_alt_generator": [],
        "meta_desc_generator": [[f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{own}"]],
    }
    elsewhere = {a for s in found.statements("image_alt_generator-execution") for a in s["Action"]}
    assert not [action for action in elsewhere if action.startswith("ecr:")]


def test_a_built_image_is_pushed_before_a_task_can_use_it(stack) -> None:
    found = stack("dev")
    for name, container in containers(found).items():
        assert container["image"] == found.one("awsx:ecr:Image", name).outputs["imageUri"]
        assert ("awsx:ecr:Image", name) in found.depends_on(found.one(DEFINITION, name))


@pytest.mark.parametrize("public", [True, False])
def test_tasks_in_public_subnets_of_an_existing_network_get_an_address(public: bool) -> None:
    subnets = ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
    network = {"mode": "existing", "vpcId": "vpc-0a1b2c3d", "subnetIds": subnets, "assignPublicIp": public}
    found = platform({"network": network})
    launcher = found.inputs("aws:lambda/function:Function", "launcher")["environment"]["variables"]
    assert launcher["ASSIGN_PUBLIC_IP"] == ("ENABLED" if public else "DISABLED")
    assert launcher["SUBNETS"] == ",".join(subnets)
    assert not found.all(VPC)


def test_a_worker_that_reads_a_secret_can_reach_it_without_a_way_out_of_aws(project: Path) -> None:
    manifest = project / "workers/content_analyzer/worker.yaml"
    manifest.write_text(manifest.read_text().replace("{model: true}", "{secret: reports/db}"))
    found = platform({"network": {"mode": "private-endpoints"}}, project=project)
    services = {spec["serviceName"] for spec in found.inputs(VPC)["vpcEndpointSpecs"]}
    assert f"com.amazonaws.{REGION}.secretsmanager" in services
    assert f"com.amazonaws.{REGION}.bedrock-runtime" not in services
    secrets = [s for s in found.statements("content_analyzer-task") if "secretsmanager:GetSecretValue" in s["Action"]]
    assert [s["Resource"] for s in secrets] == [[f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:reports/db-??????"]]


def test_with_an_offline_engine_nobody_may_call_a_model(stack) -> None:
    found = stack("dev")
    assert json.loads(variables(containers(found)["content_analyzer"])["ENGINE"]) == {"kind": "offline"}
    roles = found.names("aws:iam/rolePolicy:RolePolicy")
    actions = {action for role in roles for s in found.statements(role) for action in s["Action"]}
    assert "bedrock:InvokeModel" not in actions


def test_a_worker_calls_bedrock_with_its_own_role(stack) -> None:
    found = stack("prod")
    engine = {"kind": "bedrock", "model": "eu.amazon.nova-lite-v1:0"}
    for worker in API_WORKERS:
        assert json.loads(variables(containers(found)[worker])["ENGINE"]) == engine
        calls = [s for s in found.statements(f"{worker}-task") if s["Action"] == ["bedrock:InvokeModel"]]
        assert [s["Resource"][0].split("/")[-1] for s in calls] == [engine["model"], "amazon.nova-lite-v1:0"]


def test_the_key_of_an_endpoint_comes_from_its_secret_and_only_to_workers_that_may_call_a_model(project: Path) -> None:
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:openai-AbCdEf"
    manifest = project / "workers/content_analyzer/worker.yaml"
    manifest.write_text(manifest.read_text().replace(", {model: true}", ""))
    engine = {"kind": "openai", "model": "m", "endpoint": "https://models.example.com/v1", "secretArn": secret}
    found = platform({"engine": engine}, project=project)
    with_model, without = containers(found)["image_alt_generator"], containers(found)["content_analyzer"]
    assert with_model["secrets"] == [{"name": "OPENAI_API_KEY", "valueFrom": secret}]
    assert json.loads(variables(with_model)["ENGINE"]) == {key: engine[key] for key in ("kind", "model", "endpoint")}
    assert without["secrets"] == []
    assert "ENGINE" not in variables(without)
    granted = {w: [s["Resource"] for s in found.statements(f"{w}-execution")] for w in ECS_WORKERS}
    assert [secret] in granted["image_alt_generator"]
    assert [secret] not in granted["content_analyzer"]


def test_a_worker_gets_the_secrets_that_its_manifest_lists_and_the_stack_fills(project: Path) -> None:
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders-AbCdEf"
    manifest = project / "workers/content_analyzer/worker.yaml"
    manifest.write_text(manifest.read_text() + "secrets: [DATABASE_URL, TOKEN]\n")
    text = (project / "Pulumi.dev.yaml").read_text()
    filled = f"    content_analyzer: {{secrets: {{DATABASE_URL: '{secret}'}}}}"
    (project / "Pulumi.dev.yaml").write_text(text.replace("    content_analyzer: {concurrency: 4}", filled))
    found = platform({}, project=project)
    assert containers(found)["content_analyzer"]["secrets"] == [{"name": "DATABASE_URL", "valueFrom": secret}]
    granted = {w: [s["Resource"] for s in found.statements(f"{w}-execution")] for w in ECS_WORKERS}
    assert [worker for worker in ECS_WORKERS if [secret] in granted[worker]] == ["content_analyzer"]
    assert [secret] not in [s["Resource"] for s in found.statements("etl_processor-pod")]


def test_the_platform_uses_the_account_and_the_region_that_it_finds() -> None:
    config = engine_config(PROJECT, "dev") | {"aws:region": "us-east-1", "serverless-batch:pipeline": "{}"}
    found = declared(lambda: Platform(parse_settings(config, "dev", PROJECT), PROJECT), region="us-east-1")
    text = json.dumps([resource.inputs for resource in found.all()])
    assert REGION not in text
    assert f":us-east-1:{ACCOUNT}:" in text


def test_names_fit_into_what_aws_takes_for_the_longest_name_of_a_stack(project: Path) -> None:
    """A worker's own names are as long as the worker's; its length is checked with the manifest."""
    shutil.move(project / "workers/content_analyzer", project / "workers/w")
    (project / "Pulumi.dev.yaml").write_text(
        "config:\n  aws:region: ap-southeast-1\n  serverless-batch:workers: {w: {}, etl_processor: {}}\n"
        "  serverless-batch:kubernetes: {cluster: {new: {}}}\n"
    )
    config = engine_config(project, "dev")
    found = declared(lambda: Platform(parse_settings(config, "s" * 20, project), project))
    most = {
        "aws:eks/cluster:Cluster": 100,
        "aws:eks/nodeGroup:NodeGroup": 37,  # 63, of which the provider takes 26 for a suffix of its own
        "aws:iam/role:Role": 64,
        "aws:lambda/function:Function": 64,
        "aws:pipes/pipe:Pipe": 64,
        "aws:s3/bucket:Bucket": 63,
        "aws:sqs/queue:Queue": 80,
    }
    for type_, limit in most.items():
        inputs = [resource.inputs for resource in found.all(type_)]
        names = [i.get("bucket") or i.get("nodeGroupNamePrefix") or i.get("name", "") for i in inputs]
        assert names
        assert max(map(len, names)) <= limit, names
