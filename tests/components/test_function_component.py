from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from component_support import ACCOUNT, PROJECT, REGION, SITE, Declared, alerts, declared, packed

from components.function import POWERTOOLS, Function, FunctionArgs
from components.permissions import publish

LAMBDA, LOG_GROUP = "aws:lambda/function:Function", "aws:cloudwatch/logGroup:LogGroup"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:t"
TRACES = ("GetSamplingRules", "GetSamplingTargets", "PutTelemetryRecords", "PutTraceSegments")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for file in (
        "functions/mailer/handler.py",
        "functions/mailer/letters.py",
        "functions/mailer/openapi.yaml",
        "functions/mailer/__pycache__/handler.cpython-313.pyc",
        "functions/other/handler.py",
        "jobs/__init__.py",
        "jobs/store.py",
        "jobs/__pycache__/store.cpython-313.pyc",
        "workers/__init__.py",
        "components/function.py",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    return tmp_path


def function(project: Path, *, preview: bool = False, **changes: Any) -> Declared:
    args: dict[str, Any] = {"folder": "mailer", "environment": {"TOPIC_ARN": TOPIC}, "log_retention_days": 30}
    args |= {"statements": publish(TOPIC)} | changes
    return declared(lambda: Function("mailer", SITE, project, FunctionArgs(**args), alerts()), preview=preview)


def test_the_archive_holds_the_functions_own_files_and_its_packages_and_nothing_else(project: Path) -> None:
    found = function(project, files={"catalogue.json": "{}"})
    assert packed(found.one(LAMBDA)) == {
        "handler.py": "functions/mailer/handler.py",
        "letters.py": "functions/mailer/letters.py",
        "jobs/__init__.py": "jobs/__init__.py",
        "jobs/store.py": "jobs/store.py",
        "catalogue.json": "text:{}",
    }


def test_no_path_of_this_machine_is_in_the_inputs(project: Path) -> None:
    assert str(project) not in json.dumps([resource.inputs for resource in function(project).all()])


def test_third_party_code_is_the_public_powertools_layer_of_the_version_that_the_tests_run_with(project: Path) -> None:
    pinned = (PROJECT / "requirements.txt").read_text().split("aws-lambda-powertools[all]==")[1].split()[0]
    assert f"/aws/service/powertools/python/arm64/python3.13/{pinned}" == POWERTOOLS
    inputs = function(project).inputs(LAMBDA)
    [layer] = inputs["layers"]
    assert layer.startswith(f"arn:aws:lambda:{REGION}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python313-arm64:")
    assert (inputs["runtime"], inputs["architectures"]) == ("python3.13", ["arm64"])


def test_the_handler_is_the_function_handler_of_the_module_handler(project: Path) -> None:
    assert function(project).inputs(LAMBDA)["handler"] == "handler.handler"


def test_the_environment_has_what_was_given_and_what_powertools_needs(project: Path) -> None:
    assert function(project).inputs(LAMBDA)["environment"]["variables"] == {
        "POWERTOOLS_SERVICE_NAME": "mailer",
        "POWERTOOLS_METRICS_NAMESPACE": "serverless-batch",
        "TOPIC_ARN": TOPIC,
    }


def test_logs_go_to_a_declared_group_with_retention_before_the_first_call(project: Path) -> None:
    found = function(project, log_retention_days=90)
    group = found.inputs(LOG_GROUP)
    assert (group["name"], group["retentionInDays"]) == ("/aws/lambda/serverless-batch-test-mailer", 90)
    assert found.inputs(LAMBDA)["name"] == "serverless-batch-test-mailer"  # which is how Lambda finds the group
    assert (LOG_GROUP, "mailer") in found.depends_on(found.one(LAMBDA))


def test_a_function_may_write_its_own_logs_and_do_what_it_was_granted(project: Path) -> None:
    found = function(project)
    role = found.one("aws:iam/role:Role")
    assert found.inputs(LAMBDA)["role"] == role.outputs["arn"]
    logs = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/serverless-batch-test-mailer:*"
    assert [(s["Action"], s["Resource"]) for s in found.statements("mailer-function")] == [
        (["logs:CreateLogStream", "logs:PutLogEvents"], [logs]),
        ([f"xray:{action}" for action in TRACES], ["*"]),
        (["sns:Publish"], [TOPIC]),
    ]


def test_a_function_is_traced(project: Path) -> None:
    assert function(project).inputs(LAMBDA)["tracingConfig"] == {"mode": "Active"}


def test_a_failed_call_raises_an_alarm_that_names_the_function(project: Path) -> None:
    found = function(project)
    alarm = found.inputs("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert (alarm["namespace"], alarm["metricName"], alarm["threshold"]) == ("AWS/Lambda", "Errors", 0)
    assert alarm["dimensions"] == {"FunctionName": found.inputs(LAMBDA)["name"]}
    assert alarm["alarmActions"] == [found.one("aws:sns/topic:Topic").outputs["arn"]]


def test_size_and_timeout_are_as_asked_for(project: Path) -> None:
    inputs = function(project, timeout=60, memory=512).inputs(LAMBDA)
    assert (inputs["timeout"], inputs["memorySize"]) == (60, 512)


def test_name_and_arn_are_known_beforehand(project: Path) -> None:
    made: list[Function] = []
    args = FunctionArgs(folder="mailer", environment={}, statements=[], log_retention_days=7)
    found = declared(lambda: made.append(Function("mailer", SITE, project, args, alerts())))
    assert made[0].arn == found.one(LAMBDA).outputs["arn"]
    assert made[0].function_name == found.inputs(LAMBDA)["name"]


@pytest.mark.parametrize("folder", ["api", "launcher", "notifier"])
def test_a_real_function_packs_every_module_that_it_imports(folder: str) -> None:
    found = packed(function(PROJECT, folder=folder).one(LAMBDA))
    own = {file.name for file in (PROJECT / "functions" / folder).glob("*.py")}
    assert {name for name in found if "/" not in name} == own
    assert not any("__pycache__" in name or name.endswith((".pyc", ".yaml")) for name in found)
    assert {name.split("/")[0] for name in found if "/" in name} == {"jobs"}
