from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from workflow_support import document, job, read

A, B, C = ({"name": name, "batch": job()} for name in "abc")


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([{"name": "a", "batch": job("plane")}], "'plane' is not a worker of this stack; nearest: 'plain'"),
        ([{"name": "a", "batch": job("pages")}], "'pages' is not a Batch worker; write 'task' instead of 'batch'"),
        ([A, A], "'a' is also the name of stage 1"),
        ([{"name": "input", "batch": job()}], "choose another name"),
        ([{**A, "next": "bb"}, B], "next: of stage 'a' leads nowhere: there is no stage 'bb'; nearest: 'b'"),
        ([{**A, "catch": "zz"}, B], "catch: of stage 'a' leads nowhere: there is no stage 'zz'"),
        ([{**A, "catch": "a"}], "leads to the stage itself"),
        ([{**A, "end": True}, B], "stages[1]: of stage 'b': no way leads to it"),
        ([A, B, {**C, "next": "b"}], "is part of a circle: "),
        ([A, {**B, "catch": "a"}], "is part of a circle: "),
        ([{"name": "a", "batch": job(x="${input.prefx}")}], "${input.prefx} is not described by the workflow's input"),
        ([{"name": "a", "batch": job(x="${input.maybe}")}], "may be missing from the input; list 'maybe'"),
        ([{"name": "a", "batch": job(x="${b.prefix}")}, B], "refers to stage 'b', which need not have succeeded"),
        ([A, {"name": "b", "batch": job(x="${aa.prefix}")}], "a stage that does not exist; nearest: 'a'"),
        ([A, {"name": "b", "batch": job(x="${a.prefx}")}], "nothing that is left there; nearest: 'prefix'"),
        ([{"name": "a", "batch": job(x="${item.key}")}], "only in the work of a fan-out's pieces"),
        ([{"name": "a", "batch": job(x="${error.cause}")}], "${error.cause} is there only in"),
        ([{"name": "a", "batch": job(x="${}")}], "is no reference"),
        ([{"name": "a", "batch": job(x="it's ${run}")}], "beside a reference"),
        ([{"name": "a", "batch": job(x=["it's", "${run}"])}], "beside a reference"),
        ([{"name": "a", "batch": job(x=[{"y": "${run}"}])}], "deeper inside a list"),
        ([{**A, "fan_out": {"items": "a ${run}"}}], "must be a reference to a list"),
        ([{**A, "fan_out": {"count": 2, "prefix": "x"}}], "exactly one of prefix, items and count"),
        ([{"name": "a"}], "must have exactly one of batch, task and function"),
        ([{**A, "tmeout": "5 min"}], "is not a known key; nearest: 'timeout'"),
        ([{**A, "timeout": "5"}], "is not a duration"),
        ([{**A, "end": True, "next": "b"}, B], "has next and end"),
        ([], "is an empty list"),
    ],
)
def test_a_broken_workflow_is_refused_with_the_place(tmp_path: Path, stages: list[Any], said: str) -> None:
    _, problems = read(tmp_path, document(*stages))
    assert len([problem for problem in problems if said in problem]) == 1, problems
    assert all(problem.startswith("flows/demo/workflow.yaml:") for problem in problems)


def test_every_mistake_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    _, problems = read(tmp_path, document({"name": "a", "batch": job("x")}, {**B, "catch": "y"}))
    lines = (tmp_path / "workflow.yaml").read_text().splitlines()
    assert len(problems) == 2
    assert [lines[int(problem.split(":")[1]) - 1].strip() for problem in problems] == ["worker: x", "catch: y"]


def test_after_a_stage_that_may_have_failed_nothing_refers_to_it(tmp_path: Path) -> None:
    stages = [{**A, "catch": "b"}, {"name": "b", "batch": job(x="${a.prefix}")}]
    assert "need not have succeeded" in read(tmp_path, document(*stages))[1][0]


def test_a_stage_that_only_failures_lead_to_knows_the_error(tmp_path: Path) -> None:
    stages = [{**A, "end": True, "catch": "b"}, {"name": "b", "batch": job(x="${error.cause}")}]
    assert read(tmp_path, document(*stages))[1] == []
