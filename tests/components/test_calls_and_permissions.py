"""What the code of each workload calls against what its role may do: each call is granted, and nothing more."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from component_support import PROJECT, STACKS, WORKERS

# Service → the prefix of its actions.
SERVICES = {
    "bedrock-runtime": "bedrock",
    "dynamodb": "dynamodb",
    "ecs": "ecs",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
}
# Operations whose action has another name.
RENAMED = {
    "bedrock:Converse": "bedrock:InvokeModel",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
# What Powertools calls for us.
POWERTOOLS = {
    "DynamoDBPersistenceLayer": {f"dynamodb:{verb}Item" for verb in ("Delete", "Get", "Put", "Update")},
    "get_secret": {"secretsmanager:GetSecretValue"},
}
# What AWS itself calls with the role.
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
MAPPING = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
PASS = {"iam:PassRole"}  # RunTask hands the task's roles over
TELL_MISSING = {"s3:ListBucket"}  # without it a missing object looks like a forbidden one
PIPE = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "sqs:SendMessage"}
AGENT = {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
AGENT |= {"ecr:GetAuthorizationToken"} | LOGS


@cache
def operations() -> dict[str, str]:
    """Method of a boto3 client or table → the action that it needs."""
    session = botocore.session.get_session()
    found = {}
    for service, prefix in SERVICES.items():
        for operation in session.get_service_model(service).operation_names:
            action = f"{prefix}:{operation}"
            found[xform_name(operation)] = RENAMED.get(action, action)
    return found


def calls(tree: ast.AST) -> set[str]:
    """Actions that a piece of code needs: methods that it calls, and those that it names for somebody to call."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            named = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            method = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            # A method of one word, such as `query`, is one of AWS's only on a table.
            called = [method] if "_" in method or _on(node.func) in ("_table", "sns", "_client") else []
            found |= {operations()[name] for name in [*named, *called] if name in operations()}
            found |= POWERTOOLS.get(method, set())
    return found


def _on(function: ast.expr) -> str:
    """Name of the object whose method is called."""
    value = function.value if isinstance(function, ast.Attribute) else None
    return value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")


def modules(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((PROJECT / folder).rglob("*.py"))]


def store_calls(used: Iterable[str]) -> set[str]:
    """Actions behind these methods of the job store."""
    tree = ast.parse((PROJECT / "jobs/store.py").read_text())
    [store] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "JobStore"]
    methods = {node.name: node for node in store.body if isinstance(node, ast.FunctionDef)}
    found: set[str] = set()
    waiting, done = set(used) & methods.keys(), set()
    while waiting:
        name = waiting.pop()
        done.add(name)
        found |= calls(methods[name])
        inner = {node.attr for node in ast.walk(methods[name]) if isinstance(node, ast.Attribute) and _self(node)}
        waiting |= (inner & methods.keys()) - done
    return found


def _self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


@cache
def needed(*folders: str) -> set[str]:
    """Actions that the code in these folders needs, with what it uses of `jobs`."""
    found: set[str] = set()
    for file in modules(*folders):
        text = file.read_text()
        found |= calls(ast.parse(text))
        found |= store_calls(re.findall(r"store\.(\w+)\(", text))
        if "result_link(" in text:
            found |= calls(ast.parse((PROJECT / "jobs/links.py").read_text()))
    return found


WORKLOADS = {
    "api-function": (("functions/api",), LOGS),
    "launcher-function": (("functions/launcher",), LOGS | MAPPING | PASS),
    "notifier-function": (("functions/notifier",), LOGS | MAPPING),
    "notifier-pipe": ((), PIPE),
    **{f"{worker}-execution": ((), AGENT) for worker in WORKERS},
    **{
        f"{worker}-task": (("workers/runtime", "workers/engines", f"workers/{worker}"), TELL_MISSING)
        for worker in WORKERS
    },
}
# What only some stacks need: without the channel or the engine the code is there, but does not run.
OPTIONAL = {"secretsmanager:GetSecretValue": {"dev", "staging", "prod"}, "bedrock:InvokeModel": {"dev"}}


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("role", WORKLOADS)
def test_a_workload_may_do_what_its_code_does_and_nothing_more(stack, role: str, name: str) -> None:
    folders, by_aws = WORKLOADS[role]
    granted = {action for statement in stack(name).statements(role) for action in statement["Action"]}
    off = {action for action, stacks in OPTIONAL.items() if name in stacks}
    assert granted == (needed(*folders) | by_aws) - off


def test_every_role_with_permissions_is_in_the_table(stack) -> None:
    assert stack("prod").names("aws:iam/rolePolicy:RolePolicy") == sorted(WORKLOADS)


def test_what_each_workload_calls() -> None:
    """The same, written out: what a reader of the code would say. Guards the reading above."""
    assert needed("functions/api") == {
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
    assert needed("functions/launcher") == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "ecs:DescribeTasks",
        "ecs:RunTask",
        "sqs:ChangeMessageVisibility",
        "sqs:SendMessage",
    }
    assert needed("functions/notifier") == {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "secretsmanager:GetSecretValue",
        "sns:Publish",
        "sqs:ChangeMessageVisibility",
    }
    assert needed("workers/runtime", "workers/engines") == {
        "bedrock:InvokeModel",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "s3:PutObject",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:SendMessage",
    }
    assert needed(*(f"workers/{worker}" for worker in WORKERS)) == set()


ENVIRONMENT = {
    "api": ("functions/api", r"os\.environ\[\"(\w+)\"\]"),
    "launcher": ("functions/launcher", r"os\.environ\[\"(\w+)\"\]"),
    "notifier": ("functions/notifier", r"(?:os\.environ\[|environment\.get\()\"(\w+)\""),
}
BY_AWS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}  # read by Powertools


@pytest.mark.parametrize("function", ENVIRONMENT)
def test_a_function_gets_every_variable_that_it_reads_and_no_other(stack, function: str) -> None:
    folder, pattern = ENVIRONMENT[function]
    read = {name for file in modules(folder) for name in re.findall(pattern, file.read_text())}
    given = stack("prod").inputs("aws:lambda/function:Function", function)["environment"]["variables"].keys() - BY_AWS
    optional = {"SLACK_SECRET_ARN", "NOTION_SECRET_ARN", "NOTION_DATABASE_ID", "NOTION_URL"}
    assert given == read - optional


def test_a_task_gets_every_variable_that_its_runtime_reads(stack) -> None:
    read = set(re.findall(r"read(?:\.optional)?\(\"(\w+)\"", (PROJECT / "workers/runtime/settings.py").read_text()))
    by_launcher, by_agent = {"JOBS", "CAPACITY_PROVIDER"}, {"ECS_CONTAINER_METADATA_URI_V4"}
    for definition in stack("prod").all("aws:ecs/taskDefinition:TaskDefinition"):
        [container] = json.loads(definition.inputs["containerDefinitions"])
        given = {variable["name"] for variable in container["environment"]}
        assert read - by_launcher - by_agent <= given
        assert not given & (by_launcher | by_agent)
        assert {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"} <= given
