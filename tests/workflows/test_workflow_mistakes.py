from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from workflow_support import RUNNERS, document, job, read

from components.workflow_file import read_workflow

A, B, C = ({"name": name, "batch": job()} for name in "abc")


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([{"name": "a", "batch": job("plane")}], "'plane' is not a worker of this stack; nearest: 'plain'"),
        ([{"name": "a", "batch": job("pages")}], "'pages' is not a Batch worker; write 'task' instead of 'batch'"),
        ([A, A], "'a' is also the name of stage 1"),
        ([{"name": "input", "batch": job()}], "choose another name"),
        ([{**A, "next": "bb"}, B], "stages[0].next (stage 'a'): leads nowhere: there is no stage 'bb'; nearest: 'b'"),
        ([{**A, "catch": "zz"}, B], "stages[0].catch (stage 'a'): leads nowhere: there is no stage 'zz'"),
        ([{**A, "catch": "a"}], "leads to the stage itself"),
        ([{**A, "end": True}, B], "stages[1] (stage 'b'): no way leads to it"),
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
        ([{**A, "fan_out": {}}], "stages[0].fan_out (stage 'a'): must have exactly one of prefix, items and count"),
        ([{**A, "timeout": "48 h"}], "stages[0].timeout (stage 'a'): is longer than the workflow's own timeout"),
        ([{"name": "a", "batch": job("strict", kez="x", key="x")}], "is nothing that strict takes; nearest: 'key'"),
        ([{"name": "a", "batch": job("strict")}], "batch.input (stage 'a'): has no 'key', which strict needs"),
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


def test_every_mistake_is_told_at_once_with_its_line_and_stage(tmp_path: Path) -> None:
    stages = [
        {"name": "a", "batch": job("x", y="${input.prefx}")},
        {**B, "catch": "y", "tmeout": "5 min"},
        {"name": "a", "batch": job()},
        {**C, "fan_out": {}, "next": "d"},
        {"name": "d", "task": job("pages"), "timeout": "soon", "catch": "e"},
    ]
    _, problems = read(tmp_path, document(*stages))
    lines = (tmp_path / "workflow.yaml").read_text().splitlines()
    found = re.findall(r"yaml:(\d+): \S+ \(stage '(.)'\)", "\n".join(problems))
    assert sorted((stage, lines[int(line) - 1].strip().removeprefix("- ")) for line, stage in found) == [
        ("a", "name: a"), ("a", "worker: x"), ("a", "y: ${input.prefx}"), ("b", "catch: y"), ("b", "tmeout: 5 min"),
        ("c", "fan_out: {}"), ("d", "catch: e"), ("d", "timeout: soon"),
    ]  # fmt: skip
    assert len(found) == len(problems)


def test_of_stages_in_a_circle_the_other_mistakes_are_told_too(tmp_path: Path) -> None:
    stages = [A, {"name": "b", "batch": job("plane")}, {**C, "next": "b"}, {"name": "d", "batch": job(x="${z.prefix}")}]
    _, problems = read(tmp_path, document(*stages))
    for said in (
        "is part of a circle: ",
        "'plane' is not a worker",
        "no way leads to it",
        "a stage that does not exist",
    ):
        assert len([problem for problem in problems if said in problem]) == 1, problems


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "workflow.yaml: is empty"),
        ("description: [", "workflow.yaml:1: "),
        ("- a\n- b\n", "workflow.yaml:1: "),
        ("description: D.\ninput: {type: object}\nstages:\n  - 5\n", "workflow.yaml:4: stages[0]: "),
        ("description: D.\ninput: 7\nstages: {a: 1}\n", "workflow.yaml:3: stages: "),
        ("description: D.\ndescription: E.\ninput: {type: object}\nstages: []\n", "workflow.yaml:2: description: "),
        ("description: D.\ninput: {type: objekt}\nstages: []\n", "workflow.yaml:2: input.type: "),
    ],
)
def test_what_is_no_workflow_at_all_is_refused_with_the_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "workflow.yaml").write_text(text)
    _, problems = read_workflow(tmp_path / "workflow.yaml", "workflow.yaml", "demo", RUNNERS)
    assert any(str(problem).startswith(said) for problem in problems), [str(problem) for problem in problems]


def test_after_a_stage_that_may_have_failed_nothing_refers_to_it(tmp_path: Path) -> None:
    stages = [{**A, "catch": "b"}, {"name": "b", "batch": job(x="${a.prefix}")}]
    assert "need not have succeeded" in read(tmp_path, document(*stages))[1][0]


def test_a_stage_that_only_failures_lead_to_knows_the_error(tmp_path: Path) -> None:
    stages = [{**A, "end": True, "catch": "b"}, {"name": "b", "batch": job(x="${error.cause}")}]
    assert read(tmp_path, document(*stages))[1] == []
