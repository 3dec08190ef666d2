"""What the code of each workload calls against what its role may do: each call is granted, and nothing more."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from component_support import (
    API_WORKERS,
    BATCH_WORKERS,
    BUILDS,
    ECS_WORKERS,
    JOB_WORKERS,
    KUBERNETES_WORKERS,
    PROJECT,
    QUEUE_WORKERS,
    SCHEDULED_WORKERS,
    STACKS,
    WORKFLOWS,
    job_containers,
    pods,
    variables,
)

DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
# Service → the prefix of its actions.
SERVICES = {
    "batch": "batch",
    "bedrock-runtime": "bedrock",
    "dynamodb": "dynamodb",
    "ecr": "ecr",
    "ecs": "ecs",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
}
# Operations whose actions have other names.
RENAMED = {
    "bedrock:Converse": {"bedrock:InvokeModel"},
    "s3:HeadObject": {"s3:GetObject"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "s3:CopyObject": {"s3:GetObject", "s3:PutObject"},
    "sqs:ChangeMessageVisibilityBatch": {"sqs:ChangeMessageVisibility"},
    "sqs:DeleteMessageBatch": {"sqs:DeleteMessage"},
    "sqs:SendMessageBatch": {"sqs:SendMessage"},
}
# What Powertools calls for us.
POWERTOOLS = {
    "DynamoDBPersistenceLayer": {f"dynamodb:{verb}Item" for verb in ("Delete", "Get", "Put", "Update")},
    "_put_record": {"dynamodb:PutItem"},
    "get_secret": {"secretsmanager:GetSecretValue"},
}
# What AWS itself calls with the role.
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACES = {f"xray:{action}" for action in ("GetSamplingRules", "GetSamplingTargets", "PutTelemetryRecords")}
TRACES |= {"xray:PutTraceSegments"}  # of every function
DEAD_LETTERS = {"sqs:SendMessage"}  # Lambda, with the role of a function that is invoked asynchronously
MAPPING = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
PASS = {"iam:PassRole"}  # RunTask hands the task's roles over
TELL_MISSING = {"s3:ListBucket"}  # without it a missing object looks like a forbidden one
PIPE = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "sqs:SendMessage"}
SCHEDULE = {"lambda:InvokeFunction", "sqs:SendMessage"}
PROTECTION = {"ecs:UpdateTaskProtection"}  # the agent's call, when the runtime asks it by PUT
AGENT = {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
AGENT |= {"ecr:GetAuthorizationToken"} | LOGS
ARTIFACTS = {"s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion"}
STEP = LOGS | ARTIFACTS
DOCKER = {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
DOCKER |= {"ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"}
COPY = {"ecs:TagResource"} | PASS  # RegisterTaskDefinition keeps the tags and hands the roles over
COPY_JOB = {"batch:TagResource"}  # so does RegisterJobDefinition
# What the ECS agent of an instance calls in the cluster of a Batch environment.
INSTANCE = {"ecs:DeregisterContainerInstance", "ecs:DiscoverPollEndpoint", "ecs:Poll", "ecs:RegisterContainerInstance"}
INSTANCE |= {"ecs:StartTelemetrySession", "ecs:SubmitAttachmentStateChanges", "ecs:SubmitContainerStateChange"}
INSTANCE |= {"ecs:SubmitTaskStateChange", "ecs:TagResource", "ecs:UpdateContainerInstancesState"}
# What Step Functions does for the sample's stages: jobs, tasks, maps over a prefix and over a result, notices.
MACHINE = {"batch:DescribeJobs", "batch:SubmitJob", "batch:TerminateJob", "ecs:DescribeTasks", "ecs:RunTask"}
MACHINE |= {"ecs:StopTask", "events:DescribeRule", "events:PutRule", "events:PutTargets", "s3:ListBucket"}
MACHINE |= {"sns:Publish", "states:DescribeExecution", "states:StartExecution", "states:StopExecution"} | PASS
MACHINE |= TRACES | {"logs:DescribeLogGroups", "logs:DescribeResourcePolicies"}
MACHINE |= {f"logs:{verb}LogDelivery" for verb in ("Create", "Delete", "Get", "Update")}
MACHINE |= {"logs:ListLogDeliveries", "logs:PutResourcePolicy"}
CODEPIPELINE = ARTIFACTS | {"s3:GetBucketVersioning", "s3:PutObject", "s3:PutObjectAcl"}
CODEPIPELINE |= {"codebuild:BatchGetBuilds", "codebuild:StartBuild", "codeconnections:UseConnection"}
# What the cluster autoscaler calls, with all of its features. Source: its documentation of AWS as the cloud provider.
AUTOSCALER = {f"autoscaling:Describe{what}" for what in ("AutoScalingGroups", "AutoScalingInstances")}
AUTOSCALER |= {"autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities"}
AUTOSCALER |= {"autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"}
AUTOSCALER |= {"ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions"}
AUTOSCALER |= {"ec2:GetInstanceTypesFromInstanceRequirements", "eks:DescribeNodegroup"}


@cache
def operations() -> dict[str, set[str]]:
    """Method of a boto3 client or table → the actions that it needs."""
    session = botocore.session.get_session()
    found = {}
    for service, prefix in SERVICES.items():
        for operation in session.get_service_model(service).operation_names:
            action = f"{prefix}:{operation}"
            found[xform_name(operation)] = RENAMED.get(action, {action})
    return found


def calls(tree: ast.AST) -> set[str]:
    """Actions that a piece of code needs: methods that it calls, and those that it names or hands over to be called."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            named = [a.value for a in node.args if isinstance(a, ast.Constant) and "_" in str(a.value)]
            named += [a.attr for a in node.args if isinstance(a, ast.Attribute) and _on(a) == "_table"]
            method = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            # A method of one word, such as `query`, is one of AWS's only on a table; a text of one word is any.
            called = [method] if "_" in method or _on(node.func) in ("_table", "sns", "_client") else []
            found |= set().union(*(operations()[name] for name in [*named, *called] if name in operations()))
            found |= POWERTOOLS.get(method, set())
    return found


def _on(function: ast.expr) -> str:
    """Name of the object whose method is meant."""
    value = function.value if isinstance(function, ast.Attribute) else None
    return value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")


def modules(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((PROJECT / folder).rglob("*.py"))]


def step(*names: str) -> list[Path]:
    """Modules of the image pipeline that a step is made of."""
    return [PROJECT / f"pipeline/{name}.py" for name in names]


@cache
def runtime(mode: str) -> tuple[Path, ...]:
    """Modules of the runtime that a container imports in this mode."""
    modules = {"api": "api_job", "batch": "batch_job", "kubernetes": "kubernetes_job", "queue": "queue_service"}
    waiting, found = {modules[mode], "child"}, set()  # child: started by its path
    while waiting:
        file = PROJECT / f"workers/runtime/{waiting.pop()}.py"
        found.add(file)
        waiting |= {name for name in _imported(file) if PROJECT / f"workers/runtime/{name}.py" not in found}
    return tuple(sorted(found))


def _imported(file: Path) -> Iterator[str]:
    """Modules of the runtime that a module imports itself."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "workers.runtime":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("workers.runtime."):
            yield str(node.module).rpartition(".")[2]


def behind(file: str, used: Iterable[str], class_: str | None = None) -> set[str]:
    """Actions behind these functions of a file, or of a class in it, and behind those that they use in turn."""
    tree: ast.Module | ast.ClassDef = ast.parse((PROJECT / file).read_text())
    if class_:
        [tree] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_]
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found: set[str] = set()
    waiting, done = set(used) & functions.keys(), set()
    while waiting:
        name = waiting.pop()
        done.add(name)
        found |= calls(functions[name])
        waiting |= (_used(functions[name]) & functions.keys()) - done
    return found


def _used(function: ast.FunctionDef) -> set[str]:
    """Names of functions that it calls, its own object's methods among them."""
    called = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    plain = {func.id for func in called if isinstance(func, ast.Name)}
    return plain | {func.attr for func in called if isinstance(func, ast.Attribute) and _on(func) == "self"}


@cache
def needed(*files: Path) -> set[str]:
    """Actions that the code in these files needs, with what it uses of `batchjobs`, of `jobs` and of `scaling`."""
    found: set[str] = set()
    for file in files:
        text = file.read_text()
        found |= calls(ast.parse(text))
        found |= behind("jobs/store.py", re.findall(r"store\.(\w+)\(", text), "JobStore")
        found |= behind("batchjobs/once.py", re.findall(r"_once\.(\w+)\(", text), "Once")
        for module, names in re.findall(r"from batchjobs\.(\w+) import (.+)", text):
            found |= behind(f"batchjobs/{module}.py", names.split(", "))
        found |= behind("pipeline/released.py", re.findall(r"_released\.(\w+)\(", text), "Released")
        found |= behind("scaling/memory.py", re.findall(r"memory\.(\w+)\(", text), "Memory")
        if imported := re.search(r"from scaling\.service import (.+)", text):
            found |= behind("scaling/service.py", imported[1].split(", "))
        if re.search(r"(result|document)_link\(", text):
            found |= calls(ast.parse((PROJECT / "jobs/links.py").read_text()))
        for module in re.findall(r"from jobs\.(submission|cancellation) import", text):
            found |= needed(PROJECT / f"jobs/{module}.py")
    return found


# Role → the code that has it, and what AWS does with it besides.
WORKLOADS: Mapping[str, tuple[list[Path], set[str]]] = {
    "api-function": (modules("functions/api"), LOGS),
    "batch-instance": ([], INSTANCE),
    "batch_events-function": (
        [*modules("functions/batch_events"), PROJECT / "batchjobs/successors.py"],
        LOGS | MAPPING,
    ),
    **{f"{build}-project": (step("build", "docker"), STEP | DOCKER | {"s3:PutObject"}) for build in BUILDS},
    "canary-project": (step("canary", "definitions", "job_definitions"), STEP | COPY),
    "eks-autoscaler": ([], AUTOSCALER),
    "enqueuer-function": (modules("functions/enqueuer"), LOGS),
    "image-pipeline": ([], CODEPIPELINE),
    "launcher-function": (modules("functions/launcher"), LOGS | MAPPING | PASS),
    "load_generator-function": (modules("functions/load_generator"), LOGS | TELL_MISSING),
    "notifier-function": (modules("functions/notifier"), LOGS | MAPPING),
    "notifier-pipe": ([], PIPE),
    "release-project": (step("release", "definitions", "job_definitions"), STEP | COPY | COPY_JOB),
    "scaler-function": (modules("functions/scaler"), LOGS | DEAD_LETTERS),
    "scaler-schedule": ([], SCHEDULE),
    "starter-function": (modules("functions/starter"), LOGS),
    "starter-schedule": ([], SCHEDULE),
    "watchman-function": (modules("functions/watchman"), LOGS | DEAD_LETTERS),
    "watchman-schedule": ([], SCHEDULE),
    **{f"flow-{workflow}": ([], MACHINE) for workflow in WORKFLOWS},
    **{f"{worker}-execution": ([], AGENT) for worker in ECS_WORKERS},
    **{
        f"{worker}-task": ([*runtime("api"), *modules("workers/engines", f"workers/{worker}")], TELL_MISSING)
        for worker in API_WORKERS
    },
    **{
        f"{worker}-task": ([*runtime("api"), *modules(f"workers/{worker}")], TELL_MISSING)
        for worker in SCHEDULED_WORKERS
    },
    **{f"{worker}-job": ([*runtime("batch"), *modules(f"workers/{worker}")], TELL_MISSING) for worker in BATCH_WORKERS},
    **{
        f"{worker}-pod": ([*runtime("kubernetes"), *modules(f"workers/{worker}")], TELL_MISSING)
        for worker in KUBERNETES_WORKERS
    },
    **{
        f"{worker}-task": ([*runtime("queue"), *modules(f"workers/{worker}")], TELL_MISSING | PROTECTION)
        for worker in QUEUE_WORKERS
    },
}
# What only some stacks need: without the channel or the engine the code is there, but does not run.
OPTIONAL = {"secretsmanager:GetSecretValue": {"dev", "staging", "prod"}, "bedrock:InvokeModel": {"dev"}}
# What a workload does not need although its code could do it. This worker may repeat what it has done.
REPEATABLE = {"image_processor-task": {"dynamodb:PutItem"}}
# Nor these: a canary changes no job definition.
UNUSED = REPEATABLE | {"canary-project": {"batch:RegisterJobDefinition"}}
MISSING = {
    "dev": {"canary-project", "eks-autoscaler"},
    "staging": {"eks-autoscaler"},  # Auto Mode has its own
    "prod": {"load_generator-function"},
}


@pytest.mark.parametrize(("role", "name"), [(r, n) for n in STACKS for r in WORKLOADS if r not in MISSING.get(n, ())])
def test_a_workload_may_do_what_its_code_does_and_nothing_more(stack, role: str, name: str) -> None:
    files, by_aws = WORKLOADS[role]
    granted = {action for statement in stack(name).statements(role) for action in statement["Action"]}
    off = {action for action, stacks in OPTIONAL.items() if name in stacks} | UNUSED.get(role, set())
    traces = TRACES if role.endswith("-function") else set()
    assert granted == (needed(*files) | by_aws | traces) - off


@pytest.mark.parametrize("name", STACKS)
def test_every_role_with_permissions_is_in_the_table(stack, name: str) -> None:
    assert stack(name).names("aws:iam/rolePolicy:RolePolicy") == sorted(WORKLOADS.keys() - MISSING.get(name, set()))


GATEWAY = {"job-api-gateway-logs": {"service-role/AmazonAPIGatewayPushToCloudWatchLogs"}}
PULL = "AmazonEC2ContainerRegistryPullOnly"
# Role → AWS's own policies, where its services ask for them. Source: IAM roles and add-ons, Amazon EKS user guide.
OF_AWS: Mapping[str, Mapping[str, set[str]]] = {
    "dev": GATEWAY,
    "staging": {
        **GATEWAY,
        "eks-cluster": {
            f"AmazonEKS{what}Policy" for what in ("BlockStorage", "Cluster", "Compute", "LoadBalancing", "Networking")
        },
        "eks-node": {"AmazonEKSWorkerNodeMinimalPolicy", PULL},
    },
    "prod": {
        **GATEWAY,
        "eks-cluster": {"AmazonEKSClusterPolicy"},
        "eks-cni": {"AmazonEKS_CNI_Policy"},  # and so no node has it
        "eks-node": {"AmazonEKSWorkerNodePolicy", PULL},
    },
}


@pytest.mark.parametrize("name", STACKS)
def test_a_role_has_those_of_awss_own_policies_that_a_service_asks_for_and_no_others(stack, name: str) -> None:
    found = stack(name)
    roles = {role.outputs["name"]: role.name for role in found.all("aws:iam/role:Role")}
    attached: dict[str, set[str]] = {}
    for one in found.all("aws:iam/*Attachment:*"):
        assert one.type == "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
        policy = one.inputs["policyArn"].removeprefix("arn:aws:iam::aws:policy/")
        attached.setdefault(roles[one.inputs["role"]], set()).add(policy)
    assert attached == OF_AWS[name]
    assert not any(role.inputs.get("managedPolicyArns") for role in found.all("aws:iam/role:Role"))


def test_a_worker_that_may_repeat_nothing_remembers_what_it_has_done(stack) -> None:
    """REPEATABLE above is right as long as the manifests say so."""
    containers = {d.name: d.inputs["containerDefinitions"] for d in stack("prod").all(DEFINITION)}
    repeatable = {f"{name}-task" for name, text in containers.items() if '"EFFECT", "value": "repeatable"' in text}
    assert repeatable == REPEATABLE.keys()


def test_what_each_workload_calls() -> None:
    """The same, written out: what a reader of the code would say. Guards the reading above."""
    assert needed(*modules("functions/api")) == {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "ecs:StopTask",
        "s3:GetObject",
        "s3:PutObject",
        "sqs:SendMessage",
    }
    assert needed(*modules("functions/launcher")) == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "ecs:DescribeTasks",
        "ecs:RunTask",
        "sqs:ChangeMessageVisibility",
        "sqs:SendMessage",
    }
    assert needed(*modules("functions/notifier")) == {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "secretsmanager:GetSecretValue",
        "sns:Publish",
        "sqs:ChangeMessageVisibility",
    }
    scaling = {"dynamodb:UpdateItem", "ecs:DescribeServices", "ecs:UpdateService", "sqs:GetQueueAttributes"}
    assert needed(*modules("functions/enqueuer")) == scaling | {"sqs:SendMessage"}
    assert needed(*modules("functions/scaler")) == scaling | {"dynamodb:GetItem"}
    assert needed(*modules("functions/starter")) == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "ecs:StopTask",
        "sqs:SendMessage",
    }
    watching = {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem", "sns:Publish"}
    assert needed(*modules("functions/watchman")) == watching
    assert needed(*modules("functions/load_generator")) == {"s3:GetObject", "s3:PutObject"}
    assert needed(*runtime("api"), *modules("workers/engines")) == {
        "bedrock:InvokeModel",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "s3:PutObject",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:SendMessage",
    }
    assert needed(*runtime("queue")) == {
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "s3:PutObject",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    }
    assert needed(*WORKLOADS["batch_events-function"][0]) == {
        "batch:DescribeJobQueues",
        "batch:DescribeJobs",
        "batch:ListJobs",
        "batch:SubmitJob",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "sns:Publish",
    }
    assert needed(*runtime("batch")) == needed(*runtime("kubernetes")) == {"s3:GetObject", "s3:PutObject"}
    protection = (PROJECT / "workers/runtime/protection.py").read_text()
    assert re.findall(r'request\("(\w+)"', protection) == ["PUT"]  # a GET would need one action more
    assert needed(*modules(*(f"workers/{worker}" for worker in (*API_WORKERS, *QUEUE_WORKERS)))) == set()
    assert needed(*modules("workers/sales_report")) == {"s3:GetObject", "s3:ListBucket"}
    assert needed(*modules("workers/etl_processor")) == {"s3:GetObject", "s3:ListBucket", "s3:PutObject"}


ENVIRONMENT = {
    "notifier": ("functions/notifier", r"(?:os\.environ\[|environment\.get\()\"(\w+)\""),
    **{
        name: (f"functions/{name}", r"os\.environ\[\"(\w+)\"\]")
        for name in ("api", "batch_events", "enqueuer", "launcher", "load_generator", "scaler", "starter", "watchman")
    },
}
BY_AWS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}  # read by Powertools


@pytest.mark.parametrize("function", ENVIRONMENT)
def test_a_function_gets_every_variable_that_it_reads_and_no_other(stack, function: str) -> None:
    folder, pattern = ENVIRONMENT[function]
    read = {name for file in modules(folder) for name in re.findall(pattern, file.read_text())}
    found = stack("staging").inputs("aws:lambda/function:Function", function)
    given = found["environment"]["variables"].keys() - BY_AWS
    optional = {"SLACK_SECRET_ARN", "NOTION_SECRET_ARN", "NOTION_DATABASE_ID", "NOTION_URL"}
    assert given == read - optional


def read_by_runtime(mode: str, *more: str) -> set[str]:
    """Variables that the runtime reads in this mode. more: functions that read some besides those named after it."""
    tree = ast.parse((PROJECT / "workers/runtime/settings.py").read_text())
    readers = {"mode", "_settings", f"_{mode}_settings", *more}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in readers]
    assert len(functions) == len(readers)
    source = "".join(map(ast.unparse, functions))
    return set(re.findall(r"read(?:er)?(?:\.optional)?\('(\w+)'", source))


BY_BATCH = {f"AWS_BATCH_JOB_{name}" for name in ("ID", "ATTEMPT", "ARRAY_INDEX", "ARRAY_SIZE")}
BY_SUBMITTER = {"INPUT", "INPUT_KEY", "JOB_KEY", "ARRAY_SIZE", "ARRAY_INDEXES"}
BY_LAUNCHER, BY_AGENT = {"JOBS", "CAPACITY_PROVIDER"}, {"ECS_CONTAINER_METADATA_URI_V4", "ECS_AGENT_URI"}
DEFAULTS = {"BATCH", "MODE", "ENGINE"}  # no, `api` and none


@pytest.mark.parametrize(("mode", "workers"), [("api", JOB_WORKERS), ("queue", QUEUE_WORKERS)])
def test_a_task_gets_every_variable_that_its_runtime_reads(stack, mode: str, workers: tuple[str, ...]) -> None:
    read = read_by_runtime(mode)
    assert {"MODE", "WORKER", "QUEUE_URL", "MEMORY_GB"} < read
    for name in workers:
        [container] = json.loads(stack("prod").inputs(DEFINITION, name)["containerDefinitions"])
        given = {variable["name"]: variable["value"] for variable in container["environment"]}
        assert given.get("MODE", "api") == mode
        assert read - BY_LAUNCHER - BY_AGENT - DEFAULTS <= given.keys()
        assert not given.keys() & (BY_LAUNCHER | BY_AGENT)
        assert {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"} <= given.keys()


def test_a_job_of_batch_gets_every_variable_that_its_runtime_reads(stack) -> None:
    read = read_by_runtime("batch", "_part")
    assert read > BY_BATCH | BY_SUBMITTER
    for container in job_containers(stack("prod")).values():
        given = variables(container)
        assert given["BATCH"] == "1"
        assert read - BY_BATCH - BY_SUBMITTER - {"MODE", "ENGINE"} <= given.keys()
        assert not given.keys() & (BY_BATCH | BY_SUBMITTER)
        assert {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"} <= given.keys()


BY_KUBERNETES = {"JOB_COMPLETION_INDEX"}


def test_a_pod_gets_every_variable_that_its_runtime_and_its_worker_read(stack) -> None:
    read = read_by_runtime("kubernetes")
    assert read > BY_KUBERNETES | {"RUN", "POD_NAME", "INPUT", "SIZE", "CRON_JOB", "SOURCES_FILE"}
    for worker, pod in pods(stack("prod")).items():
        [container] = pod["containers"]
        text = "".join(file.read_text() for file in modules(f"workers/{worker}"))
        by_worker = set(re.findall(r"os\.environ\[\"(\w+)\"\]", text))
        given = {variable["name"] for variable in container["env"]}
        assert variables(container)["KUBERNETES"] == "1"
        assert (read | by_worker) - BY_KUBERNETES - DEFAULTS <= given
        assert not given & BY_KUBERNETES
        assert {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"} <= given
