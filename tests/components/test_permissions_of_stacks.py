"""Every permission of a deployed stack against what there is: a statement that matches nothing would never work."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
from cloud_world import arns_in, condition_keys, matches, policies_of_aws, takes_a_resource, works_on, world
from component_support import (
    ACCOUNT,
    BUILDS,
    PROJECT,
    REGION,
    STACKS,
    WORKERS,
    Declared,
    containers,
    job_containers,
    platform,
    pod_roles,
    pods,
    variables,
)

from components.stackfile import engine_config
from sandbox.invented import Invented

SLACK, NOTION, OPENAI, WAREHOUSE = (
    f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"
    for name in ("slack", "notion", "openai", "warehouse")
)
# Dev with everything on that a stack can have.
EVERYTHING = {
    "notifications": {
        "slackSecretArn": SLACK,
        "notion": {"secretArn": NOTION, "databaseId": "0123"},
        "topicEmails": ["a@example.com"],
    },
    "engine": {"kind": "openai", "model": "m", "endpoint": "https://models.example.com/v1", "secretArn": OPENAI},
    "alarms": {"emails": ["b@example.com"]},
    "images": {
        "content_analyzer": f"210987654321.dkr.ecr.us-east-1.amazonaws.com/team/words@sha256:{'a' * 64}",
    },
    "workers": json.loads(engine_config(PROJECT, "dev")["serverless-batch:workers"])
    | {"etl_processor": {"secrets": {"WAREHOUSE_URL": WAREHOUSE}}},
}
CLUSTER = "aws:eks/cluster:Cluster"
FOREIGN_REPOSITORY = "arn:aws:ecr:us-east-1:210987654321:repository/team/words"
LAYER = f"arn:aws:lambda:{REGION}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python313-arm64:1"
# What staging and prod name as their engine's model.
MODEL = "amazon.nova-lite-v1:0"
PROFILE = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/eu.{MODEL}"
# What dev names as its cluster, and who issues the tokens of its service accounts.
EXISTING = Invented(REGION).invoke("aws:eks/getCluster:getCluster", {"name": "data-platform"})
ISSUER = EXISTING["identities"][0]["oidcs"][0]["issuer"].removeprefix("https://")
ISSUER_ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
# No statement may match one of these.
FOREIGN = (
    f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:0d5c1a52:autoScalingGroupName/web-servers",
    f"arn:aws:bedrock:{REGION}::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
    f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/us.{MODEL}",
    f"arn:aws:batch:{REGION}:{ACCOUNT}:job-definition/serverless-batch-dev-data-processor-2:1",
    f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/serverless-batch-dev-standard-2",
    f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/serverless-batch-dev-tasks/serverless-batch-dev-image-processor-2",
    f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/serverless-batch-dev-tasks-2/serverless-batch-dev-image-processor",
    f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/serverless-batch-dev-content-analyzer-2:1",
    f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/serverless-batch-dev-tasks-2/0123",
    f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/AWSBatch-somebody-else-0123",
    f"arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/serverless-batch-prod-eks-2/batch/0d5c1a52",
    f"arn:aws:iam::{ACCOUNT}:role/Administrator",
    f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/serverless-batch-dev-content-analyzer-2:log-stream:s",
    f"arn:aws:s3:::payroll-{ACCOUNT}/salaries.csv",
    f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:payroll-AbCdEf",
    f"arn:aws:sqs:{REGION}:{ACCOUNT}:serverless-batch-dev-content-analyzer-2.fifo",
)


class Statement(NamedTuple):
    role: str
    actions: list[str]
    resources: list[str]
    condition: dict[str, dict[str, Any]]


def statements(found: Declared) -> Iterator[Statement]:
    """What the stack's roles may do."""
    for policy in found.all("aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            assert statement.keys() <= {"Effect", "Action", "Resource", "Condition"}
            assert statement["Effect"] == "Allow"
            yield Statement(policy.name, statement["Action"], statement["Resource"], statement.get("Condition", {}))


@pytest.fixture(params=[*STACKS, "everything"])
def found(request: pytest.FixtureRequest, stack) -> Declared:
    return _everything() if request.param == "everything" else stack(request.param)


@cache
def _everything() -> Declared:
    return platform(EVERYTHING)


def there(found: Declared) -> dict[str, str]:
    """ARN → owner of what the stack declares, of what its settings name, and of what belongs to somebody else."""
    named: tuple[str, ...] = (SLACK, NOTION, OPENAI, WAREHOUSE, FOREIGN_REPOSITORY) if found is _everything() else ()
    if found is not _everything() and found.one("serverless-batch:platform:Platform").name != "dev":
        named = (PROFILE, *(f"arn:aws:bedrock:{region}::foundation-model/{MODEL}" for region in (REGION, "eu-west-1")))
    named += () if found.all(CLUSTER) else (EXISTING["arn"], ISSUER_ARN)
    outside = {arn: arn.partition("/")[2] or arn for arn in named}
    return world(found, outside | dict.fromkeys(FOREIGN, "somebody else"))


def test_every_permission_reaches_something_that_its_action_works_on(found: Declared) -> None:
    arns = there(found)
    for role, actions, resources, _ in statements(found):
        for action in actions:
            for resource in resources:
                if resource != "*":
                    reached = [arn for arn in arns if matches(resource, arn) and works_on(action, arn)]
                    assert reached, f"{role}: {action} on {resource} would never allow anything"


def test_every_permission_reaches_one_thing_only(found: Declared) -> None:
    arns = there(found)
    buckets = {arn for arn in arns if arn.startswith("arn:aws:s3:::") and "/" not in arn}
    for role, _, resources, _ in statements(found):
        for resource in resources:
            if resource == "*":
                continue
            owners = {owner for arn, owner in arns.items() if matches(resource, arn)}
            if resource.removesuffix("/*") in buckets:  # a whole bucket, all of its prefixes
                owners = {owner.partition(", below")[0] for owner in owners}
            assert len(owners) == 1, f"{role}: {resource} reaches {owners}"
            assert "somebody else" not in owners


def test_a_star_stands_only_where_the_action_knows_no_resource(found: Declared) -> None:
    stars = [statement for statement in statements(found) if "*" in statement.resources]
    assert stars
    for role, actions, resources, _ in stars:
        assert resources == ["*"]
        if actions in (["ecs:DescribeTaskDefinition"], ["batch:DescribeJobDefinitions"]):
            assert role in ("canary-project", "release-project")
        elif actions == ["batch:DescribeJobQueues", "batch:DescribeJobs", "batch:ListJobs"]:
            assert role == "batch_events-function"
        elif role.endswith("-function"):
            assert all(action.startswith("xray:") for action in actions)
        elif role.startswith("flow-"):
            assert {action.partition(":")[0] for action in actions} <= {"batch", "logs", "xray"}
        elif actions == ["ecs:DiscoverPollEndpoint"]:
            assert role == "batch-instance"
        elif role == "eks-autoscaler":
            assert all(re.match("(autoscaling|ec2):(Describe|GetInstanceTypes)", action) for action in actions)
        else:
            assert actions == ["ecr:GetAuthorizationToken"]
            assert role.endswith("-execution") or role in [f"{build}-project" for build in BUILDS]
        assert not any(map(takes_a_resource, actions))


def test_no_action_is_a_wildcard_and_aws_knows_each(found: Declared) -> None:
    for role, actions, _, _ in statements(found):
        for action in actions:
            assert "*" not in action, role
            condition_keys(action)  # KeyError if AWS has no such action
        assert actions == sorted(set(actions))


def test_aws_gives_the_keys_of_every_condition_with_the_action(found: Declared) -> None:
    conditions = [(actions, condition) for _, actions, _, condition in statements(found) if condition]
    assert conditions
    for actions, condition in conditions:
        keys = {re.sub("Tag/.+", "Tag/${TagKey}", key) for operator in condition.values() for key in operator}
        for action in actions:
            assert keys <= condition_keys(action), f"{action} is not given with {keys - condition_keys(action)}"


def test_tasks_are_started_stopped_and_described_on_the_stacks_cluster_only(found: Declared) -> None:
    cluster = found.one("aws:ecs/cluster:Cluster").outputs["arn"]
    conditions = {s.actions[0]: s.condition for s in statements(found) if s.actions[0].startswith("ecs:")}
    scaling = conditions.pop("ecs:DescribeServices")
    assert scaling == {}  # the ARN of a service names its cluster
    on_instances = {s.actions[0] for s in statements(found) if s.role == "batch-instance"}
    for action in on_instances - {"ecs:TagResource"}:
        conditions.pop(action)  # in clusters that AWS Batch makes
    for defining in ("ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "ecs:TagResource"):
        conditions.pop(defining)  # belongs to no cluster
    assert conditions.keys() == {"ecs:RunTask", "ecs:StopTask", "ecs:DescribeTasks", "ecs:UpdateTaskProtection"}
    for condition in conditions.values():
        assert condition == {"ArnEquals": {"ecs:cluster": cluster}}


def test_the_autoscaler_changes_node_groups_of_the_stacks_cluster_only(stack) -> None:
    """Their names do not tell whose they are, but the tags that EKS gives them do."""
    found = stack("prod")
    changes = [s for s in statements(found) if "autoscaling:SetDesiredCapacity" in s.actions]
    owned = {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{found.inputs(CLUSTER)['name']}": "owned"}
    assert [s.condition for s in changes] == [{"StringEquals": owned}]


def test_of_the_shared_table_every_workload_reaches_items_of_its_own_only(found: Declared) -> None:
    table = found.one("aws:dynamodb/table:Table", "idempotency").outputs["arn"]
    patterns: dict[str, set[str]] = {}
    for role, actions, resources, condition in statements(found):
        if resources == [table]:
            assert all(action.endswith("Item") for action in actions)
            patterns.setdefault(role, set()).update(condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
    assert patterns == {
        "batch_events-function": {"batch#*", "batch-next#*"},
        "enqueuer-function": {"scaling#*"},
        "image_processor-task": {"failures#image_processor#*"},
        "notifier-function": {"notice#*"},
        "scaler-function": {"scaling#*"},
    }


def test_a_model_in_another_region_may_be_called_through_the_profile_only(stack) -> None:
    for role, actions, resources, condition in statements(stack("prod")):
        if actions == ["bedrock:InvokeModel"] and ":bedrock:*:" in resources[0]:
            profile = condition["StringEquals"]["bedrock:InferenceProfileArn"]
            granted = [r for s in statements(stack("prod")) if s.role == role for r in s.resources]
            assert profile in granted


def test_a_worker_may_write_its_own_results_only(found: Declared) -> None:
    results = found.one("aws:s3/bucket:Bucket", "results").outputs["arn"]
    for worker in WORKERS:
        own = (f"{worker}-task", f"{worker}-job", f"{worker}-pod")
        written = [s.resources for s in statements(found) if s.role in own and "s3:PutObject" in s.actions]
        assert written == [[f"{results}/{worker}/*"]]


def test_every_arn_in_every_input_is_of_something_that_is_there(found: Declared) -> None:
    """Environment, alarms, policies, mappings, catalogues: a name that is off by a letter would fail at run time."""
    arns = there(found)
    rest = {found.one("aws:apigateway/restApi:RestApi").outputs["executionArn"] + "/v1/*", LAYER}
    rest |= policies_of_aws()
    rest |= {f.outputs["invokeArn"] for f in found.all("aws:lambda/function:Function")}
    rest |= {f"arn:aws:ecs:{REGION}:{ACCOUNT}:*"}  # which tasks ECS assumes a role for
    for resource in found.all():
        named = {arn for arn in arns_in(resource.inputs) if not arn.startswith("arn:aws:states:::")}  # what to call
        for arn in named - rest:
            assert any(matches(arn, known) for known in arns), f"{resource.type} {resource.name}: {arn}"


def test_every_queue_url_in_every_input_is_of_a_queue_of_the_stack(found: Declared) -> None:
    urls = {queue.outputs["url"] for queue in found.all("aws:sqs/queue:Queue")}
    named = {
        url for resource in found.all() for url in re.findall(r"https://sqs\.[^\s\"'\\,]+", json.dumps(resource.inputs))
    }
    assert named and named <= urls


def workloads(found: Declared) -> Iterator[tuple[str, dict[str, str]]]:
    """ARN of a role, and the environment of the code that has it."""
    for function in found.all("aws:lambda/function:Function"):
        yield function.inputs["role"], function.inputs["environment"]["variables"]
    for name, container in containers(found).items():
        yield found.inputs("aws:ecs/taskDefinition:TaskDefinition", name)["taskRoleArn"], variables(container)
    for container in job_containers(found).values():
        yield container["jobRoleArn"], variables(container)
    namespace = found.inputs("kubernetes:core/v1:Namespace")["metadata"]["name"]
    for pod in pods(found).values():
        yield pod_roles(found)[namespace, pod["serviceAccountName"]], variables(pod["containers"][0])


def test_whatever_a_workload_is_told_of_it_may_use(found: Declared) -> None:
    """The other way round than above: tables, queues, topics, secrets, buckets and the cluster of an environment."""
    named = {"TABLE": "table/{}", "BUCKET": ":::{}", "CLUSTER": "cluster/{}", "QUEUE_URL": ":{}", "DLQ_URL": ":{}"}
    only_compares = {("enqueuer-function", "UPLOADS_BUCKET")}  # with the bucket that an event tells of
    roles = {role.outputs["arn"]: role.name for role in found.all("aws:iam/role:Role")}
    for role, environment in workloads(found):
        mine = [s for s in statements(found) if s.role == roles[role]]
        reach = {r.removesuffix("/*") for s in mine for r in s.resources}
        reach |= {s.condition["ArnEquals"]["ecs:cluster"] for s in mine if "ArnEquals" in s.condition}
        for variable, value in environment.items():
            if (roles[role], variable) in only_compares:
                continue
            ends = [form.format(value.rpartition("/")[2]) for name, form in named.items() if variable.endswith(name)]
            ends += [value] if variable.endswith("_ARN") else []
            for end in ends:
                assert any(arn.endswith(end) or f"{end}/" in arn for arn in reach), f"{roles[role]}: {variable}"


def test_the_agent_may_read_every_secret_that_it_fills_a_variable_from(found: Declared) -> None:
    for name, container in (containers(found) | job_containers(found)).items():
        readable = [r for s in statements(found) if s.role == f"{name}-execution" for r in s.resources]
        assert {secret["valueFrom"] for secret in container["secrets"]} <= set(readable)


def test_a_pod_may_read_every_secret_that_the_driver_fills_a_variable_from() -> None:
    found = _everything()
    [provider] = found.all("kubernetes:secrets-store.csi.x-k8s.io/v1:SecretProviderClass")
    [container] = pods(found)["etl_processor"]["containers"]
    filled = [v["valueFrom"]["secretKeyRef"] for v in container["env"] if "secretKeyRef" in v.get("valueFrom", {})]
    [kept] = provider.inputs["spec"]["secretObjects"]
    assert filled == [{"name": kept["secretName"], "key": one["key"]} for one in kept["data"]]
    fetched = {o["objectAlias"]: o["objectName"] for o in json.loads(provider.inputs["spec"]["parameters"]["objects"])}
    assert fetched.keys() == {one["objectName"] for one in kept["data"]}
    secrets = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    readable = [s.resources for s in statements(found) if s.role == "etl_processor-pod" and s.actions == secrets]
    assert readable == [[arn] for arn in fetched.values()] == [[WAREHOUSE]]


def test_resource_policies_are_about_the_resource_that_they_are_on(found: Declared) -> None:
    guarded = [*found.all("aws:sqs/queue:Queue"), *found.all("aws:s3/bucket:Bucket")]
    known = {resource.id: resource.outputs["arn"] for resource in guarded}
    where = {"queueUrl": "aws:sqs/queuePolicy:QueuePolicy", "bucket": "aws:s3/bucketPolicy:BucketPolicy"}
    for key, type_ in where.items():
        for policy in found.all(type_):
            for statement in json.loads(policy.inputs["policy"])["Statement"]:
                assert {arn.removesuffix("/*") for arn in statement["Resource"]} == {known[policy.inputs[key]]}
            del known[policy.inputs[key]]
    assert known == {}


def test_every_trust_is_for_the_service_that_uses_the_role(found: Declared) -> None:
    users: dict[str, str] = {}
    for function in found.all("aws:lambda/function:Function"):
        users[function.inputs["role"]] = "lambda"
    for pipe in found.all("aws:pipes/pipe:Pipe"):
        users[pipe.inputs["roleArn"]] = "pipes"
    for schedule in found.all("aws:scheduler/schedule:Schedule"):
        users[schedule.inputs["target"]["roleArn"]] = "scheduler"
    for profile in found.all("aws:iam/instanceProfile:InstanceProfile"):
        users[f"arn:aws:iam::{ACCOUNT}:role/{profile.inputs['role']}"] = "ec2"
    for definition in found.all("aws:ecs/taskDefinition:TaskDefinition"):
        users |= dict.fromkeys((definition.inputs["taskRoleArn"], definition.inputs["executionRoleArn"]), "ecs-tasks")
    for job in job_containers(found).values():
        users |= dict.fromkeys((job["jobRoleArn"], job["executionRoleArn"]), "ecs-tasks")
    users |= {machine.inputs["roleArn"]: "states" for machine in found.all("aws:sfn/stateMachine:StateMachine")}
    users |= {project.inputs["serviceRole"]: "codebuild" for project in found.all("aws:codebuild/project:Project")}
    users[found.inputs("aws:codepipeline/pipeline:Pipeline")["roleArn"]] = "codepipeline"
    users[found.inputs("aws:apigateway/account:Account")["cloudwatchRoleArn"]] = "apigateway"
    users |= {group.inputs["nodeRoleArn"]: "ec2" for group in found.all("aws:eks/nodeGroup:NodeGroup")}
    for cluster in found.all(CLUSTER):
        users[cluster.inputs["roleArn"]] = "eks"
        users |= {auto["nodeRoleArn"]: "ec2" for auto in [cluster.inputs.get("computeConfig")] if auto}
    for role in found.all("aws:iam/role:Role"):
        if role.outputs["arn"] in pod_roles(found).values():
            continue  # see below
        [trust] = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        service = users.pop(role.outputs["arn"])
        assert trust["Principal"] == {"Service": f"{service}.amazonaws.com"}
        tags = service == "eks" and "computeConfig" in found.inputs(CLUSTER)  # Auto Mode's
        assert trust["Action"] == ["sts:AssumeRole", *(["sts:TagSession"] if tags else [])]
        # Lambda, API Gateway and EC2 are not known to give a source account when they assume a role.
        account = trust.get("Condition", {}).get("StringEquals", {}).get("aws:SourceAccount")
        assert account == (None if service in ("lambda", "apigateway", "ec2") else ACCOUNT)
    assert users == {}


def runs_as(found: Declared) -> Iterator[tuple[str, str]]:
    """Namespace and service account of all pods that need a role."""
    namespace = found.inputs("kubernetes:core/v1:Namespace")["metadata"]["name"]
    yield from ((namespace, pod["serviceAccountName"]) for pod in pods(found).values())
    for chart in found.all("kubernetes:helm.sh/v3:Release"):
        yield chart.inputs["namespace"], chart.inputs["values"]["rbac"]["serviceAccount"]["name"]
        yield "kube-system", "aws-node"  # of the add-on vpc-cni, which managed nodes need


def by_tokens(namespace: str, account: str) -> dict[str, Any]:
    """Trust for tokens of the existing cluster."""
    subject = f"system:serviceaccount:{namespace}:{account}"
    return {
        "Effect": "Allow",
        "Action": ["sts:AssumeRoleWithWebIdentity"],
        "Principal": {"Federated": ISSUER_ARN},
        "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": subject}},
    }


def by_pod_identity(cluster: str, namespace: str, account: str) -> dict[str, Any]:
    """Trust for EKS Pod Identity, by the tags that it gives its sessions."""
    tags = {"kubernetes-namespace": namespace, "kubernetes-service-account": account}
    wanted = {"aws:SourceAccount": ACCOUNT} | {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return {
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Condition": {"ArnEquals": {"aws:SourceArn": cluster}, "StringEquals": wanted},
    }


def test_every_role_of_pods_is_for_one_service_account_of_the_cluster(found: Declared) -> None:
    roles = {role.outputs["arn"]: role.inputs for role in found.all("aws:iam/role:Role")}
    clusters = [cluster.outputs["arn"] for cluster in found.all(CLUSTER)]
    assert sorted(pod_roles(found)) == sorted(runs_as(found))
    for account, arn in pod_roles(found).items():
        trust = by_pod_identity(clusters[0], *account) if clusters else by_tokens(*account)
        assert json.loads(roles[arn]["assumeRolePolicy"])["Statement"] == [trust]
    for bound in found.all("aws:eks/podIdentityAssociation:PodIdentityAssociation"):
        assert bound.inputs["clusterName"] == found.inputs(CLUSTER)["name"]
