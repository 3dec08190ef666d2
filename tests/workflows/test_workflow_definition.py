from __future__ import annotations

from pathlib import Path
from typing import Any

from workflow_support import job, machine

from workflows import faults

A: dict[str, Any] = {"name": "a", "batch": job("lines", key="x-${input.prefix}")}


def variables(state: dict[str, Any]) -> dict[str, str]:
    environment = state["Parameters"]["ContainerOverrides"]["Environment"]
    return {one["Name"]: one.get("Value", one.get("Value.$")) for one in environment}


def test_a_batch_stage_is_a_job_that_is_waited_for(tmp_path: Path) -> None:
    states = machine(tmp_path, A)["States"]
    state = states["a"]
    assert state["Resource"] == "arn:aws:states:::batch:submitJob.sync"
    assert (state["Parameters"]["JobQueue"], state["Parameters"]["JobDefinition"]) == ("standard", "lines")
    assert state["Parameters"]["ShareIdentifier"] == "reports"
    assert variables(state) == {
        "INPUT": "States.JsonToString($.work.input)", "JOB_KEY": "States.Format('{}-a', $.run)",
        "MEMORY_GB": "1", "VCPU": "0.5",
    }  # fmt: skip
    assert states["a: input"]["Parameters"] == {"input": {"key.$": "States.Format('x-{}', $.input.prefix)"}}
    assert state["TimeoutSeconds"] == 3 * 660 + 3600


def test_a_job_that_lacked_memory_goes_on_in_the_next_size(tmp_path: Path) -> None:
    states = machine(tmp_path, A)["States"]
    assert states["a"]["Catch"][0]["Next"] == "a: memory?"
    assert states["a: memory?"]["Choices"][0]["Next"] == "a (size 2)"
    assert states["a (size 2): memory?"]["Choices"][0]["Next"] == "a (size 3)"
    assert states["a (size 3)"]["Parameters"]["JobDefinition"] == "lines_ec2"
    assert "ShareIdentifier" not in states["a (size 3)"]["Parameters"]
    assert [one["Next"] for one in states["a (size 3)"]["Catch"]] == ["a: failed"]


def test_attempts_are_the_jobs_own(tmp_path: Path) -> None:
    strategy = machine(tmp_path, {**A, "retry": {"attempts": 5}})["States"]["a"]["Parameters"]["RetryStrategy"]
    assert strategy == {"Attempts": 5, "EvaluateOnExit": [{"OnExitCode": "137", "Action": "EXIT"}]}


def test_a_fan_out_over_a_prefix_chooses_each_size_by_the_object(tmp_path: Path) -> None:
    stage = {"name": "a", "fan_out": {"prefix": "${input.prefix}"}, "batch": job("lines", key="${item.key}")}
    state = machine(tmp_path, stage)["States"]["a"]
    assert state["ItemReader"]["Parameters"] == {"Bucket": "uploads", "Prefix.$": "$.input.prefix"}
    inner = state["ItemProcessor"]["States"]
    assert inner["a each: input"]["Parameters"] == {"input": {"key.$": "$.item.Key"}}
    sizes = [(one["NumericLessThanEquals"], one["Next"]) for one in inner["a each: size?"]["Choices"]]
    assert sizes == [(100, "a each"), (1000, "a each (size 2)")]
    assert inner["a each: size?"]["Default"] == "a each (size 3)"


def test_a_fan_out_by_number_gives_each_its_part(tmp_path: Path) -> None:
    stage = {"name": "a", "fan_out": {"count": 8, "concurrency": 3}, "batch": job(prefix="${input.prefix}")}
    state = machine(tmp_path, stage)["States"]["a"]
    assert (state["MaxConcurrency"], state["ItemsPath"]) == (3, "$.work.numbers")
    assert state["ToleratedFailurePercentage"] == 0
    given = variables(state["ItemProcessor"]["States"]["a each"])
    assert (given["ARRAY_INDEXES"], given["ARRAY_SIZE"]) == ("States.Format('{}', $.index)", "8")


def test_a_task_runs_as_if_aws_batch_had_started_it(tmp_path: Path) -> None:
    state = machine(tmp_path, {"name": "a", "task": job("pages", url="${input.prefix}")})["States"]["a"]
    assert state["Resource"].endswith(":ecs:runTask.sync")
    [override] = state["Parameters"]["Overrides"]["ContainerOverrides"]
    assert {"Name": "BATCH", "Value": "1"} in override["Environment"]
    assert state["Parameters"]["CapacityProviderStrategy"] == [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]
    assert state["Retry"][1]["MaxAttempts"] == 1


def test_a_function_is_called_with_its_input(tmp_path: Path) -> None:
    stage = {"name": "a", "function": {"name": "lines", "input": {"x": "${run}"}}, "retry": {"attempts": 3}}
    state = machine(tmp_path, stage)["States"]["a"]
    assert state["Parameters"]["FunctionName"] == "arn:aws:lambda:eu-central-1:123456789012:function:lines"
    assert [one["MaxAttempts"] for one in state["Retry"]] == [5, 2]


def test_compensations_run_backwards_for_what_had_succeeded(tmp_path: Path) -> None:
    undo = {"batch": job()}
    states = machine(
        tmp_path,
        {"name": "a", "batch": job(), "compensate": undo},
        {"name": "b", "batch": job(), "compensate": undo},
        {"name": "c", "batch": job()},
    )["States"]
    assert {states[f"{name}: failed"]["Next"] for name in "abc"} == {"undo_b: due?"}
    assert states["undo_b: due?"]["Default"] == "undo_a: due?"
    assert states["undo_b"]["Next"] == "undo_a: due?"
    assert [one["Next"] for one in states["undo_b"]["Catch"]] == ["undo_a: due?"]
    assert states["undo_a"]["Next"] == "Tell of the failure"


def test_a_result_is_read_where_something_asks_for_it(tmp_path: Path) -> None:
    states = machine(tmp_path, {"name": "a", "batch": job()}, {"name": "b", "batch": job(x="${a.result.rows}")})[
        "States"
    ]
    assert states["b: input"]["Parameters"] == {"input": {"x.$": "$.stages.a.result.value.rows"}}
    assert states["a"]["Next"] == "a: result"
    assert "b: result" not in states


def test_who_hears_of_the_ends(tmp_path: Path) -> None:
    assert "Tell of the success" not in machine(tmp_path, A)["States"]
    assert "Tell of the success" in machine(tmp_path, A, notify=["success"])["States"]
    assert "Tell of the failure" not in machine(tmp_path, A, notify=[])["States"]


def test_a_definition_that_does_not_hold_together_is_found_out(tmp_path: Path) -> None:
    found = machine(tmp_path, A)
    found["States"]["a: input"]["Next"] = "nowhere"
    assert faults(found) == ["a: input: leads to 'nowhere', which is no state", "a: nothing leads to it"]
