from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from component_support import PROJECT, Declared, platform

from components.problems import ConfigurationError
from components.settings import parse_settings
from components.stackfile import engine_config

MACHINE, ALARM = "aws:sfn/stateMachine:StateMachine", "aws:cloudwatch/metricAlarm:MetricAlarm"
MANIFEST = """\
description: Lines.
trigger:
  batch:
    tiers:
      - {up_to: 100 MB, vcpu: 0.5, memory: 1 GB}
      - {vcpu: 6, memory: 40 GB, queue: large}
resources: {vcpu: 0.5, memory: 1 GB, timeout: 10 min, architecture: arm64}
input: {type: object}
"""
FLOW = """\
description: Lines.
input: {type: object, required: [prefix], properties: {prefix: {type: string}}}
stages:
  - {name: each, fan_out: {prefix: "days/${input.prefix}"}, batch: {worker: lines, input: {key: "${item.key}"}}}
  - {name: read, task: {worker: content_analyzer, input: {text: x}}}
  - {name: tell, function: {name: mailer}}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("project")
    for folder in ("jobs", "batchjobs", "workers", "functions"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(PROJECT / file, tmp_path)
    lines, flow = tmp_path / "workers/lines", tmp_path / "flows/demo"
    lines.mkdir()
    (lines / "handler.py").write_text("def handle(input, context):\n    return {}\n")
    (lines / "worker.yaml").write_text(MANIFEST)
    flow.mkdir(parents=True)
    (flow / "workflow.yaml").write_text(FLOW)
    stack = tmp_path / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text().replace("{line_report: {}}", "{demo: {}}") + "    lines: {}\n")
    return tmp_path


@pytest.fixture(scope="module")
def found(project: Path) -> Declared:
    return platform({"workflows": {"demo": {}}}, project=project)


def test_a_folder_and_one_line_become_a_state_machine(found: Declared) -> None:
    machine = found.inputs(MACHINE, "demo")
    assert (machine["name"], machine["type"]) == ("serverless-batch-dev-flow-demo", "STANDARD")
    definition = json.loads(machine["definition"])
    inner = definition["States"]["each"]["ItemProcessor"]["States"]
    assert inner["each each (size 2)"]["Parameters"]["JobQueue"] == "serverless-batch-dev-large"
    assert inner["each each"]["Parameters"]["ShareIdentifier"] == "lines"
    network = definition["States"]["read"]["Parameters"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["SecurityGroups"]
    assert network["Subnets"]


def test_it_logs_all_but_the_data_and_is_traced(found: Declared) -> None:
    machine = found.inputs(MACHINE, "demo")
    logging = machine["loggingConfiguration"]
    assert (logging["level"], logging["includeExecutionData"]) == ("ALL", False)
    assert logging["logDestination"].endswith(":*")
    assert machine["tracingConfiguration"] == {"enabled": True}
    assert found.inputs("aws:cloudwatch/logGroup:LogGroup", "flow-demo")["retentionInDays"] == 7


def test_its_role_may_do_what_its_stages_do(found: Declared) -> None:
    allowed = {action: one["Resource"] for one in found.statements("flow-demo") for action in one["Action"]}
    submit = [arn.partition(":job-")[2] for arn in allowed["batch:SubmitJob"] if ":job-" in arn]
    name = "serverless-batch-dev"
    assert submit == [
        f"definition/{name}-lines", f"definition/{name}-lines:*",
        f"definition/{name}-lines_ec2", f"definition/{name}-lines_ec2:*",
        f"queue/{name}-large", f"queue/{name}-standard",
    ]  # fmt: skip
    assert [arn.rpartition("/")[2] for arn in allowed["batch:TerminateJob"]] == ["*"]
    assert [arn.rpartition(":")[2] for arn in allowed["lambda:InvokeFunction"]] == ["mailer"]
    assert [arn.rpartition("/")[2] for arn in allowed["ecs:RunTask"]] == [f"{name}-content-analyzer:*"]
    assert [arn.partition(":execution:")[2] for arn in allowed["states:StopExecution"]] == [
        f"{name}-flow-demo/*", f"{name}-flow-demo:*",
    ]  # fmt: skip
    assert [arn.rpartition(":")[2] for arn in allowed["sns:Publish"]] == [f"{name}-alerts"]
    assert "s3:GetObject" not in allowed  # nothing refers to a result
    [listing] = [one for one in found.statements("flow-demo") if "s3:ListBucket" in one["Action"]]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["days/*"]}}
    starred = {action for one in found.statements("flow-demo") if one["Resource"] == ["*"] for action in one["Action"]}
    assert {action.split(":")[0] for action in starred} == {"batch", "logs", "xray"}
    assert {action for action in starred if action.startswith("batch")} == {"batch:DescribeJobs"}


def test_only_step_functions_for_this_account_may_take_the_role(found: Declared) -> None:
    [trust] = json.loads(found.inputs("aws:iam/role:Role", "flow-demo")["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "states.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


@pytest.mark.parametrize("end", ["failed", "timedout"])
def test_an_alarm_tells_of_executions_that_end_badly(found: Declared, end: str) -> None:
    alarm = found.inputs(ALARM, f"flow-demo-executions-{end}")
    assert alarm["namespace"] == "AWS/States"
    assert alarm["dimensions"]["StateMachineArn"].endswith(":stateMachine:serverless-batch-dev-flow-demo")


@pytest.mark.parametrize(
    ("listed", "said"),
    [({"dmo": {}}, "there is no flows/dmo/workflow.yaml; nearest: 'demo'"), ({"demo": {"a": 1}}, "is not a known key")],
)
def test_a_stack_that_lists_another_workflow_is_refused(project: Path, listed: object, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        config = engine_config(project, "dev") | {"serverless-batch:workflows": json.dumps(listed)}
        parse_settings(config, "dev", project)
    assert said in str(raised.value)
