"""What executions do, by moto's interpreter. Batch is a stand-in that checks each request as AWS's client would.

moto hands requests on as the definition writes them, in PascalCase, and takes answers as they come; Step Functions
turns both.
"""

from __future__ import annotations

import fnmatch
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.validate import ParamValidator
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_batch,
)
from workflow_support import job, machine

REGION = "eu-central-1"
MEMORY = {"Container": {"ExitCode": 137}, "StatusReason": "Essential container in task exited"}
BAD = {"Container": {"ExitCode": 64}, "StatusReason": "Essential container in task exited"}


def camel(value: Any) -> Any:
    if isinstance(value, list):
        return [camel(one) for one in value]
    return {key[0].lower() + key[1:]: camel(one) for key, one in value.items()} if isinstance(value, dict) else value


class Batch:
    """fails: pattern of job names, with what the failed job looks like; of the first size, or of all."""

    def __init__(self) -> None:
        self.submitted: list[dict[str, Any]] = []
        self.fails: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = {}
        model = botocore.session.get_session().get_service_model("batch")
        self._shape = model.operation_model("SubmitJob").input_shape

    def submit_job(self, **given: Any) -> dict[str, Any]:
        call = camel(given)
        for one in call["containerOverrides"]["environment"]:
            assert set(one) == {"name", "value"}, one
        report = ParamValidator().validate(call, self._shape)
        assert not report.has_errors(), report.generate_report()
        self.submitted.append(call)
        return {"JobId": str(len(self.submitted) - 1), "JobName": call["jobName"], "ResponseMetadata": {}}

    def describe_jobs(self, jobs: list[str]) -> dict[str, Any]:
        call = self.submitted[int(jobs[0])]
        for pattern, (looks, when) in self.fails.items():
            if fnmatch.fnmatchcase(call["jobName"], f"*-{pattern}") and when(call):
                return {"jobs": [{"JobId": jobs[0], "status": "FAILED", **looks}]}
        return {"jobs": [{"JobId": jobs[0], "status": "SUCCEEDED"}]}

    def variables(self, number: int) -> dict[str, str]:
        return {one["name"]: one["value"] for one in self.submitted[number]["containerOverrides"]["environment"]}

    @property
    def names(self) -> list[str]:
        return [call["jobName"].rpartition("-")[2] for call in self.submitted]


class S3:
    """A body as text, which Step Functions makes of it."""

    def get_object(self, **call: Any) -> dict[str, Any]:
        found = boto3.client("s3", region_name=REGION).get_object(**call)
        return {"Body": found["Body"].read().decode()}


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Batch]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    found = Batch()
    monkeypatch.setattr(state_task_service_batch, "boto_client_for", lambda **_: found)
    monkeypatch.setattr(state_task_service_aws_sdk, "boto_client_for", lambda **_: S3())
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        location = {"LocationConstraint": REGION}
        s3 = boto3.client("s3", region_name=REGION)
        for bucket in ("uploads", "results"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)  # type: ignore[arg-type]
        boto3.client("sns", region_name=REGION).create_topic(Name="alerts")
        yield found


def execute(definition: dict[str, Any], **input: Any) -> dict[str, Any]:
    states = boto3.client("stepfunctions", region_name=REGION)
    role = "arn:aws:iam::123456789012:role/x"
    made = states.create_state_machine(name="m", definition=json.dumps(definition), roleArn=role)
    run = states.start_execution(stateMachineArn=made["stateMachineArn"], name="run1", input=json.dumps(input))
    until = time.monotonic() + 30
    while (found := states.describe_execution(executionArn=run["executionArn"]))["status"] == "RUNNING":
        assert time.monotonic() < until, states.get_execution_history(executionArn=run["executionArn"])["events"][-3:]
        time.sleep(0.05)
    return dict(found)


def job_of(cause: str) -> dict[str, Any]:
    return dict(json.loads(cause[cause.index("{") :]))


def always(_call: dict[str, Any]) -> bool:
    return True


def test_stages_run_in_order_and_hand_on_where_their_results_are(batch: Batch, tmp_path: Path) -> None:
    stages = [{"name": "a", "batch": job(key="x/${input.prefix}")}, {"name": "b", "batch": job(merge="${a.prefix}")}]
    ended = execute(machine(tmp_path, *stages, notify=["success"]), prefix="lines/")
    assert ended["status"] == "SUCCEEDED", ended
    assert batch.names == ["a", "b"]
    first, second = batch.variables(0), batch.variables(1)
    assert (first["JOB_KEY"], json.loads(first["INPUT"])) == ("run1-a", {"key": "x/lines/"})
    assert json.loads(second["INPUT"]) == {"merge": "plain/run1-a/"}


def test_an_input_without_what_is_required_is_refused_before_anything_runs(batch: Batch, tmp_path: Path) -> None:
    ended = execute(machine(tmp_path, {"name": "a", "batch": job()}), days=[])
    assert (ended["status"], ended["error"]) == ("FAILED", "BadInput")
    assert ended["cause"] == "The input must have prefix (string), days (array)."
    assert batch.submitted == []


def test_what_the_input_leaves_out_has_its_default(batch: Batch, tmp_path: Path) -> None:
    execute(machine(tmp_path, {"name": "a", "batch": job(days="${input.days}")}), prefix="x")
    assert json.loads(batch.variables(0)["INPUT"]) == {"days": ["mon", "tue"]}


def test_a_job_that_lacked_memory_runs_again_in_the_next_size(batch: Batch, tmp_path: Path) -> None:
    def small(call: dict[str, Any]) -> bool:
        return {"type": "MEMORY", "value": "1024"} in call["containerOverrides"]["resourceRequirements"]

    batch.fails["a"] = (MEMORY, small)
    ended = execute(machine(tmp_path, {"name": "a", "batch": job("lines")}), prefix="x")
    assert ended["status"] == "SUCCEEDED", ended
    assert [batch.variables(n)["MEMORY_GB"] for n in range(2)] == ["1", "4"]
    assert len({batch.variables(n)["JOB_KEY"] for n in range(2)}) == 1


def test_a_job_that_failed_otherwise_does_not(batch: Batch, tmp_path: Path) -> None:
    batch.fails["a"] = (BAD, always)
    ended = execute(machine(tmp_path, {"name": "a", "batch": job("lines")}), prefix="x")
    assert ended["status"] == "FAILED"
    assert job_of(ended["cause"])["Container"]["ExitCode"] == 64
    assert batch.names == ["a"]


def test_what_had_succeeded_is_undone_backwards_when_a_later_stage_fails(batch: Batch, tmp_path: Path) -> None:
    stages = [{"name": name, "batch": job(), "compensate": {"batch": job(of=name)}} for name in "ab"]
    batch.fails = {"c": (BAD, always), "undo_b": (BAD, always)}
    ended = execute(machine(tmp_path, *stages, {"name": "c", "batch": job()}), prefix="x")
    assert ended["status"] == "FAILED"
    assert batch.names == ["a", "b", "c", "undo_b", "undo_a"]
    assert ended["cause"].startswith("Stage c failed (States.TaskFailed). ")
    assert job_of(ended["cause"])["JobId"] == "2"


def test_a_caught_failure_goes_on_elsewhere(batch: Batch, tmp_path: Path) -> None:
    batch.fails["a"] = (BAD, always)
    stages = [
        {"name": "a", "batch": job(), "catch": "b", "end": True},
        {"name": "b", "batch": job(why="${error.name}")},
    ]
    assert execute(machine(tmp_path, *stages), prefix="x")["status"] == "SUCCEEDED"
    assert json.loads(batch.variables(1)["INPUT"]) == {"why": "States.TaskFailed"}


def test_each_object_below_a_prefix_has_its_own_job_of_its_own_size(batch: Batch, tmp_path: Path) -> None:
    s3 = boto3.client("s3", region_name=REGION)
    for key, size in (("in/a", 50), ("in/b", 500), ("in/c", 5000), ("other", 1)):
        s3.put_object(Bucket="uploads", Key=key, Body=b"x" * size)
    stages = [
        {"name": "each", "fan_out": {"prefix": "${input.prefix}"}, "batch": job("lines", key="${item.key}")},
        {"name": "merge", "batch": job(merge="${each.prefix}")},
    ]
    ended = execute(machine(tmp_path, *stages), prefix="in/")
    assert ended["status"] == "SUCCEEDED", ended
    jobs = [batch.variables(n) for n in range(len(batch.submitted) - 1)]
    given = sorted((json.loads(one["INPUT"])["key"], one["MEMORY_GB"], one["JOB_KEY"]) for one in jobs)
    assert given == [("in/a", "1", "run1-each/0"), ("in/b", "4", "run1-each/1"), ("in/c", "16", "run1-each/2")]
    assert json.loads(batch.variables(3)["INPUT"]) == {"merge": "lines/run1-each/"}


def test_numbered_pieces_know_which_they_are(batch: Batch, tmp_path: Path) -> None:
    stage = {"name": "a", "fan_out": {"count": 3}, "batch": job(prefix="${input.prefix}", part="${index}")}
    assert execute(machine(tmp_path, stage), prefix="x")["status"] == "SUCCEEDED"
    given = sorted((batch.variables(n)["ARRAY_INDEXES"], batch.variables(n)["ARRAY_SIZE"]) for n in range(3))
    assert given == [("0", "3"), ("1", "3"), ("2", "3")]


def test_a_later_stage_gets_what_a_job_wrote_as_its_result(batch: Batch, tmp_path: Path) -> None:
    result = json.dumps({"rows": 7}).encode()
    boto3.client("s3", region_name=REGION).put_object(Bucket="results", Key="plain/run1-a/result.json", Body=result)
    stages = [{"name": "a", "batch": job()}, {"name": "b", "batch": job(text="${a.result.rows} rows")}]
    ended = execute(machine(tmp_path, *stages), prefix="x")
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(batch.variables(1)["INPUT"]) == {"text": "7 rows"}
