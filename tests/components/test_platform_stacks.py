"""The real program and the three stacks of the repository."""

from __future__ import annotations

import ipaddress
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from component_support import ACCOUNT, PROJECT, REGION, UNKNOWN, Declared, declared, packed, platform
from pulumi.runtime import mocks

from components.platform import Platform
from components.settings import Settings, parse_settings
from components.stackfile import engine_config

STACKS = ("dev", "staging", "prod")
PROVIDER = "pulumi:providers:aws"
DEFINITION, VPC = "aws:ecs/taskDefinition:TaskDefinition", "awsx:ec2:Vpc"
ROLE_COMPONENT = "serverless-batch:permissions:Role"
WORKERS = ("content_analyzer", "image_alt_generator", "meta_desc_generator")

# Component → what it declares itself; whatever else is in it is a component of its own.
CHILDREN = {
    "alerts:Alerts": {"sns/topic:Topic", "sns/topicPolicy:TopicPolicy", "sns/topicSubscription:TopicSubscription"},
    "cluster:Cluster": {"ecs/cluster:Cluster", "ecs/clusterCapacityProviders:ClusterCapacityProviders"},
    "function:Function": {
        "cloudwatch/logGroup:LogGroup",
        "cloudwatch/metricAlarm:MetricAlarm",
        "lambda/function:Function",
    },
    "image:WorkerImage": {"ecr:Repository", "ecr:Image"},
    "job_api:JobApi": {"lambda/eventSourceMapping:EventSourceMapping"},
    "network:Network": {
        "ec2:Vpc",
        "ec2/securityGroup:SecurityGroup",
        "vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    },
    "notifier:Notifier": {
        "lambda/eventSourceMapping:EventSourceMapping",
        "pipes/pipe:Pipe",
        "sns/topic:Topic",
        "sns/topicSubscription:TopicSubscription",
    },
    "permissions:Role": {"iam/role:Role", "iam/rolePolicy:RolePolicy"},
    "platform:Platform": {"aws"},  # the provider
    "queue:Queue": {
        "cloudwatch/metricAlarm:MetricAlarm",
        "sqs/queue:Queue",
        "sqs/queuePolicy:QueuePolicy",
        "sqs/redriveAllowPolicy:RedriveAllowPolicy",
    },
    "rest_api:RestApi": {
        "apigateway/account:Account",
        "apigateway/apiKey:ApiKey",
        "apigateway/deployment:Deployment",
        "apigateway/restApi:RestApi",
        "apigateway/stage:Stage",
        "apigateway/usagePlan:UsagePlan",
        "apigateway/usagePlanKey:UsagePlanKey",
        "cloudwatch/logGroup:LogGroup",
        "iam/role:Role",
        "iam/rolePolicyAttachment:RolePolicyAttachment",
        "lambda/permission:Permission",
    },
    "storage:Bucket": {
        "s3/bucket:Bucket",
        "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "s3/bucketOwnershipControls:BucketOwnershipControls",
        "s3/bucketPolicy:BucketPolicy",
        "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    },
    "tables:IdempotencyTable": {"dynamodb/table:Table"},
    "tables:JobsTable": {"dynamodb/table:Table"},
    "task:FargateTask": {"cloudwatch/logGroup:LogGroup", "ecs/taskDefinition:TaskDefinition"},
}


def containers(found: Declared) -> dict[str, dict[str, Any]]:
    """Worker → its container."""
    return {d.name: json.loads(d.inputs["containerDefinitions"])[0] for d in found.all(DEFINITION)}


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["environment"]}


# --- as their files say -----------------------------------------------------------------------------------------


def settings(name: str) -> Settings:
    """What the stack's file says."""
    return parse_settings(engine_config(PROJECT, name), name, PROJECT)


def variables_of(found: Declared, function: str) -> dict[str, str]:
    return found.inputs("aws:lambda/function:Function", function)["environment"]["variables"]


def test_the_stacks_differ_in_whatever_costs_or_protects() -> None:
    dev, staging, prod = (settings(name) for name in STACKS)
    assert [s.network.mode for s in (dev, staging, prod)] == ["public", "private-endpoints", "private-nat"]
    assert dev.logs.retention_days < staging.logs.retention_days < prod.logs.retention_days
    assert dev.data.result_days < staging.data.result_days < prod.data.result_days
    assert (dev.spot.share, staging.spot.share, prod.spot.share) == (100, 70, 70)
    assert (dev.spot.on_demand_base, prod.spot.on_demand_base) == (0, 1)
    assert [s.data.point_in_time_recovery for s in (dev, staging, prod)] == [False, True, True]
    assert [s.data.protect for s in (dev, staging, prod)] == [False, False, True]
    assert [bool(s.api.allowed_ips) for s in (dev, staging, prod)] == [False, False, True]
    assert [bool(s.alarms.emails) for s in (dev, staging, prod)] == [False, True, True]
    assert [s.engine.kind for s in (dev, staging, prod)] == ["offline", "bedrock", "bedrock"]


@pytest.mark.parametrize(
    ("name", "nat", "subnets", "public"),
    [
        ("dev", "None", ["Public"], "ENABLED"),
        ("staging", "None", ["Private"], "DISABLED"),
        ("prod", "OnePerAz", ["Public", "Private"], "DISABLED"),
    ],
)
def test_each_stack_has_the_network_of_its_mode(stack, name: str, nat: str, subnets: list[str], public: str) -> None:
    found, network = stack(name), settings(name).network
    vpc = found.inputs(VPC)
    assert vpc["natGateways"] == {"strategy": nat}
    assert [spec["type"] for spec in vpc["subnetSpecs"]] == subnets
    assert (vpc["cidrBlock"], vpc["numberOfAvailabilityZones"]) == (network.cidr, network.availability_zones)
    assert variables_of(found, "launcher")["ASSIGN_PUBLIC_IP"] == public


def test_the_networks_of_the_stacks_do_not_overlap(stack) -> None:
    networks = [ipaddress.ip_network(stack(name).inputs(VPC)["cidrBlock"]) for name in STACKS]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(networks, 2))


def test_without_a_way_out_tasks_reach_the_model_through_an_endpoint(stack) -> None:
    specs = stack("staging").inputs(VPC)["vpcEndpointSpecs"]
    services = [spec["serviceName"].rpartition(f"{REGION}.")[2] for spec in specs]
    assert services == ["s3", "dynamodb", "ecr.api", "ecr.dkr", "logs", "sqs", "bedrock-runtime"]
    assert stack("prod").inputs(VPC)["vpcEndpointSpecs"] == []


@pytest.mark.parametrize("name", STACKS)
def test_every_log_group_keeps_what_the_stack_says(stack, name: str) -> None:
    groups = stack(name).all("aws:cloudwatch/logGroup:LogGroup")
    assert {group.inputs["retentionInDays"] for group in groups} == {settings(name).logs.retention_days}
    assert len(groups) == 3 + len(WORKERS) + 1  # functions, workers, the gateway


@pytest.mark.parametrize("name", STACKS)
def test_data_is_protected_and_kept_as_the_stack_says(stack, name: str) -> None:
    found, data = stack(name), settings(name).data
    table = found.inputs("aws:dynamodb/table:Table", "jobs")
    assert table["pointInTimeRecovery"]["enabled"] is data.point_in_time_recovery
    assert table["deletionProtectionEnabled"] is data.protect
    assert {b.inputs["forceDestroy"] for b in found.all("aws:s3/bucket:Bucket")} == {not data.protect}
    assert {r.inputs["forceDelete"] for r in found.all("awsx:ecr:Repository")} == {not data.protect}
    rules = {r.name: r.inputs["rules"] for r in found.all("aws:s3/bucketLifecycleConfiguration:*")}
    kept = {bucket: rule["expiration"]["days"] for bucket, [rule] in rules.items()}
    assert kept == {"results": data.result_days, "uploads": data.upload_days}
    assert variables_of(found, "api")["JOB_TTL_DAYS"] == str(settings(name).api.job_ttl_days)


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("dev", {"FARGATE_SPOT": (100, 0)}),
        ("staging", {"FARGATE_SPOT": (70, 0), "FARGATE": (30, 0)}),
        ("prod", {"FARGATE_SPOT": (70, 0), "FARGATE": (30, 1)}),
    ],
)
def test_spot_takes_the_share_that_the_stack_and_its_workers_say(
    stack, name: str, strategy: dict[str, tuple[int, int]]
) -> None:
    found = stack(name)
    providers = found.inputs("aws:ecs/clusterCapacityProviders:*")["defaultCapacityProviderStrategies"]
    assert {p["capacityProvider"]: (p["weight"], p["base"]) for p in providers} == strategy
    shares = {worker.name: worker.spot_share for worker in settings(name).workers}
    assert found.inputs("serverless-batch:job_api:JobApi")["spotShares"] == shares


@pytest.mark.parametrize("name", STACKS)
def test_addresses_and_rates_of_callers_are_limited_as_the_stack_says(stack, name: str) -> None:
    found, api = stack(name), settings(name).api
    statements = json.loads(found.inputs("aws:apigateway/restApi:RestApi")["policy"])["Statement"]
    denied = [s["Condition"]["NotIpAddress"]["aws:SourceIp"] for s in statements if s["Effect"] == "Deny"]
    assert denied == ([list(api.allowed_ips)] if api.allowed_ips else [])
    plan = found.inputs("aws:apigateway/usagePlan:UsagePlan")
    assert plan["throttleSettings"] == {"rateLimit": api.throttle.rate, "burstLimit": api.throttle.burst}
    assert plan["quotaSettings"] == {"limit": api.quota.limit, "period": api.quota.period}


@pytest.mark.parametrize("name", STACKS)
def test_alarms_and_notices_go_to_the_addresses_of_the_stack(stack, name: str) -> None:
    found, said = stack(name), settings(name)
    topics = {topic.outputs["arn"]: topic.name for topic in found.all("aws:sns/topic:Topic")}
    subscribed = [s.inputs for s in found.all("aws:sns/topicSubscription:TopicSubscription")]
    expected = {("alerts", email) for email in said.alarms.emails}
    expected |= {("notices", email) for email in said.notifications.topic_emails}
    assert {(topics[s["topic"]], s["endpoint"]) for s in subscribed} == expected


@pytest.mark.parametrize("name", STACKS)
def test_every_alarm_speaks_on_the_topic_of_alarms_and_watches_what_is_there(stack, name: str) -> None:
    found = stack(name)
    topic = found.one("aws:sns/topic:Topic", "alerts").outputs["arn"]
    queues = {queue.inputs["name"] for queue in found.all("aws:sqs/queue:Queue") if queue.name.endswith("-dlq")}
    functions = {function.inputs["name"] for function in found.all("aws:lambda/function:Function")}
    watched: dict[str, set[str]] = {"QueueName": set(), "FunctionName": set()}
    for alarm in found.all("aws:cloudwatch/metricAlarm:MetricAlarm"):
        assert alarm.inputs["alarmActions"] == [topic]
        for dimension, value in alarm.inputs["dimensions"].items():
            watched[dimension].add(value)
    assert watched == {"QueueName": queues, "FunctionName": functions}


@pytest.mark.parametrize("name", STACKS)
def test_workers_have_the_size_and_the_limits_of_their_manifest_or_of_the_stack(stack, name: str) -> None:
    found = stack(name)
    assert [worker.name for worker in settings(name).workers] == found.names(DEFINITION) == list(WORKERS)
    files = packed(found.one("aws:lambda/function:Function", "api"))
    catalogue = json.loads(files["catalogue.json"].removeprefix("text:"))
    for worker in settings(name).workers:
        manifest, definition = worker.manifest, found.inputs(DEFINITION, worker.name)
        size = manifest.resources
        assert (float(definition["cpu"]), float(definition["memory"])) == (size.vcpu * 1024, size.memory_mib)
        assert definition["runtimePlatform"]["cpuArchitecture"] == size.architecture.upper()
        known = variables(containers(found)[worker.name])
        assert (float(known["VCPU"]), float(known["MEMORY_GB"])) == (size.vcpu, size.memory_mib / 1024)
        assert known["ARCHITECTURE"] == size.architecture
        assert (known["TIMEOUT_SECONDS"], known["MAX_ATTEMPTS"], known["BACKOFF_SECONDS"]) == (
            str(size.timeout_seconds),
            str(manifest.retry.attempts),
            str(manifest.retry.backoff_seconds),
        )
        entry = catalogue[worker.name]
        assert (entry["cap"], entry["timeout_seconds"]) == (manifest.trigger.api.concurrency, size.timeout_seconds)
        assert (entry["input"], entry["description"]) == (manifest.input, manifest.description)


@pytest.mark.parametrize("name", STACKS)
def test_the_stacks_tags_are_on_every_resource_through_the_provider(stack, name: str) -> None:
    tags = json.loads(stack(name).inputs(PROVIDER)["defaultTags"])["tags"]
    assert tags == {"project": "serverless-batch", "stack": name, "managed-by": "pulumi", **settings(name).tags}


@pytest.mark.parametrize("name", STACKS)
def test_callers_get_the_address_and_the_key(stack, name: str) -> None:
    found = stack(name)
    assert found.run.exports["apiUrl"] == found.one("aws:apigateway/stage:Stage").outputs["invokeUrl"]
    assert found.run.exports["apiKey"] == found.one("aws:apigateway/apiKey:ApiKey").outputs["value"]


# --- how they are declared --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STACKS)
def test_every_resource_is_the_child_of_the_component_that_declares_it(stack, name: str) -> None:
    found = stack(name)
    seen: dict[str, set[str]] = {}
    for resource in found.all():
        if not resource.type.startswith("serverless-batch:"):
            parent = found.parent(resource).type.removeprefix("serverless-batch:")
            seen.setdefault(parent, set()).add(resource.type.split(":", 1)[1].removeprefix("providers:"))
    assert seen.keys() == CHILDREN.keys()
    for component, children in seen.items():
        assert children <= CHILDREN[component], component


@pytest.mark.parametrize("name", STACKS)
def test_every_resource_is_made_by_the_stacks_own_provider(stack, name: str) -> None:
    found = stack(name)
    provider = found.one(PROVIDER)  # there is no other
    ours = f"{provider.urn}::{provider.id}"
    assert provider.inputs["region"] == REGION
    for resource in found.all("aws:*"):
        assert resource.request.provider == ours, resource.urn
    for resource in found.all("awsx:*"):
        assert resource.request.providers["aws"] == ours, resource.urn


def test_every_data_source_is_asked_of_the_stacks_own_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    invoke = mocks.MockMonitor.Invoke

    def recording(monitor: mocks.MockMonitor, request: Any) -> Any:
        asked.append((request.tok, request.provider))
        return invoke(monitor, request)

    monkeypatch.setattr(mocks.MockMonitor, "Invoke", recording)
    found = platform()
    provider = found.one(PROVIDER)
    assert {token for token, _ in asked} == {
        "aws:index/getCallerIdentity:getCallerIdentity",
        "aws:index/getPartition:getPartition",
        "aws:ssm/getParameter:getParameter",
    }
    assert {reference for _, reference in asked} == {f"{provider.urn}::{provider.id}"}


@pytest.mark.parametrize("name", STACKS)
def test_physical_names_are_unique_and_bear_project_and_stack(stack, name: str) -> None:
    names = [(r.type, r.inputs[key]) for r in stack(name).all("aws*") for key in ("name", "bucket") if key in r.inputs]
    own = [
        (type_, given) for type_, given in names if not type_.startswith("aws:s3/bucket") or type_.endswith(":Bucket")
    ]
    assert len(own) == len(set(own))
    assert all(f"serverless-batch-{name}-" in given for _, given in own)


@pytest.mark.parametrize("name", STACKS)
def test_before_anything_exists_every_statement_and_every_container_is_known_and_the_same_as_after(
    stack, name: str
) -> None:
    before, after = stack(name, preview=True), stack(name)
    assert [r.urn for r in sorted(before.all(), key=_urn)] == [r.urn for r in sorted(after.all(), key=_urn)]
    for type_ in (ROLE_COMPONENT, "serverless-batch:task:FargateTask"):
        for role in before.all(type_):
            assert UNKNOWN not in json.dumps(role.inputs), role.urn
            assert role.inputs == after.by_urn()[role.urn].inputs


def _urn(resource: Any) -> str:
    return resource.urn


@pytest.mark.parametrize("name", STACKS)
def test_each_workload_has_a_role_of_its_own(stack, name: str) -> None:
    found = stack(name)
    tasks = {d.inputs[key] for d in found.all(DEFINITION) for key in ("taskRoleArn", "executionRoleArn")}
    functions = {function.inputs["role"] for function in found.all("aws:lambda/function:Function")}
    pipes = {pipe.inputs["roleArn"] for pipe in found.all("aws:pipes/pipe:Pipe")}
    gateway = {account.inputs["cloudwatchRoleArn"] for account in found.all("aws:apigateway/account:Account")}
    users = [tasks, functions, pipes, gateway]
    assert [len(roles) for roles in users] == [2 * len(WORKERS), 3, 1, 1]
    assert set.union(*users) == {role.outputs["arn"] for role in found.all("aws:iam/role:Role")}
    assert sum(map(len, users)) == len(set.union(*users))


# --- what follows from settings ---------------------------------------------------------------------------------


def test_another_worker_folder_and_one_line_add_exactly_its_resources(project: Path) -> None:
    before = platform(project=project)
    folder = project / "workers/word_count"
    folder.mkdir()
    (folder / "handler.py").write_text("def handle(input, context):\n    return {}\n")
    (folder / "worker.yaml").write_text(
        "description: Counts words.\ntrigger: api\nresources: {vcpu: 0.25, memory: 512 MB, timeout: 1 min}\n"
        "grants: [{read: uploads/texts}]\ninput: {type: object}\n"
    )
    with (project / "Pulumi.dev.yaml").open("a") as file:
        file.write("    word_count: {}\n")
    after = platform(project=project)
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
        "serverless-batch:permissions:Role",
    }
    granted = [s for s in after.statements("word_count-task") if s["Action"] == ["s3:GetObject"]]
    assert granted[0]["Resource"] == [f"arn:aws:s3:::serverless-batch-dev-uploads-{ACCOUNT}/texts/*"]


DIGEST = "sha256:" + "a" * 64
IMAGES = {
    "content_analyzer": f"210987654321.dkr.ecr.us-east-1.amazonaws.com/team/words@{DIGEST}",
    "image_alt_generator": f"public.ecr.aws/team/words@{DIGEST}",
}


def test_an_image_given_by_digest_is_used_and_not_built() -> None:
    found = platform({"images": IMAGES})
    assert {name: container["image"] for name, container in containers(found).items()}.items() >= IMAGES.items()
    for type_ in ("awsx:ecr:Image", "awsx:ecr:Repository", "serverless-batch:image:WorkerImage"):
        assert found.names(type_) == ["meta_desc_generator"]


def test_an_image_is_pulled_from_the_ecr_repository_that_it_lies_in_and_elsewhere_without_permission() -> None:
    found = platform({"images": IMAGES})
    own = found.inputs("awsx:ecr:Repository", "meta_desc_generator")["name"]
    pulls = {
        worker: [s["Resource"] for s in found.statements(f"{worker}-execution") if "ecr:BatchGetImage" in s["Action"]]
        for worker in WORKERS
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


def test_an_offline_worker_may_call_no_model(stack) -> None:
    found = stack("dev")
    assert json.loads(variables(containers(found)["content_analyzer"])["ENGINE"]) == {"kind": "offline"}
    actions = {a for w in WORKERS for s in found.statements(f"{w}-task") for a in s["Action"]}
    assert "bedrock:InvokeModel" not in actions


def test_a_worker_calls_bedrock_with_its_own_role(stack) -> None:
    found = stack("prod")
    engine = {"kind": "bedrock", "model": "eu.amazon.nova-lite-v1:0"}
    for worker in WORKERS:
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
    granted = {w: [s["Resource"] for s in found.statements(f"{w}-execution")] for w in WORKERS}
    assert [secret] in granted["image_alt_generator"]
    assert [secret] not in granted["content_analyzer"]


def test_the_platform_uses_the_account_and_the_region_that_it_finds() -> None:
    config = engine_config(PROJECT, "dev") | {"aws:region": "us-east-1"}
    found = declared(lambda: Platform(parse_settings(config, "dev", PROJECT), PROJECT), region="us-east-1")
    text = json.dumps([resource.inputs for resource in found.all()])
    assert REGION not in text
    assert f":us-east-1:{ACCOUNT}:" in text
