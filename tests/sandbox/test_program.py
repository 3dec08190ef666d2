"""Runs of a program under the mock engine."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from sandbox.invented import Invented
from sandbox.program import ProgramError, Recorded, Run, record, run

Program = Callable[[], Any]
PROJECT = Path(__file__).parents[2]


def recorded(program: Program, *, preview: bool = False) -> Run:
    return record(program, "dev", {"aws:region": "eu-central-1"}, Invented("eu-central-1"), preview=preview)


def topic_with_a_copy() -> None:
    topic = aws.sns.Topic("news")
    aws.sns.Topic("copy", display_name=topic.arn.apply(lambda arn: f"of {arn}"))
    pulumi.export("arn", topic.arn)


def test_an_update_knows_every_output() -> None:
    done = recorded(topic_with_a_copy)
    topic, copy = done.resources
    assert topic.outputs["arn"].startswith("arn:aws:sns:eu-central-1:123456789012:news-")
    assert copy.inputs["displayName"] == f"of {topic.outputs['arn']}"
    assert done.exports == {"arn": topic.outputs["arn"]}


def test_a_preview_leaves_outputs_unknown_and_does_not_apply_to_them() -> None:
    applied: list[str] = []

    def program() -> None:
        topic = aws.sns.Topic("news", display_name="News")
        aws.sns.Topic("copy", display_name=topic.arn.apply(lambda arn: applied.append(arn) or arn))
        topic.display_name.apply(lambda name: applied.append(str(name)))

    _, copy = recorded(program, preview=True).resources
    assert copy.inputs["displayName"] == pulumi.runtime.rpc.UNKNOWN
    assert applied == ["News"]


def test_a_resource_is_recorded_with_its_urn_and_its_options() -> None:
    def program() -> None:
        parent = pulumi.ComponentResource("serverless-batch:test:Parent", "parent")
        options = pulumi.ResourceOptions(parent=parent, protect=True, ignore_changes=["tags"])
        aws.sns.Topic("news", opts=options)

    parent, topic = recorded(program).resources
    assert topic.urn == f"{parent.urn.removesuffix('::parent')}$aws:sns/topic:Topic::news"
    options = topic.as_json()["options"]
    assert (options["parent"], options["protect"], options["ignoreChanges"]) == (parent.urn, True, ["tags"])


def twice() -> None:
    aws.sns.Topic("news")
    aws.sns.Topic("news")


def test_two_resources_of_one_type_and_name_are_refused() -> None:
    with pytest.raises(ProgramError, match="aws:sns/topic:Topic 'news' is declared twice"):
        recorded(twice)


def raises_in_apply() -> None:
    aws.sns.Topic("news").arn.apply(lambda arn: {}[arn])


def raises_in_an_input() -> None:
    arn = aws.sns.Topic("news").arn.apply(lambda arn: {}[arn])
    aws.sns.Topic("copy", display_name=arn)


@pytest.mark.parametrize("program", [raises_in_apply, raises_in_an_input])
def test_an_exception_in_an_apply_does_not_pass(program: Program) -> None:
    with pytest.raises(KeyError, match="arn:aws:sns"):
        recorded(program)


def test_a_data_source_that_has_no_answer_does_not_pass() -> None:
    with pytest.raises(Exception, match="no answer for the data source aws:index/getIpRanges:getIpRanges"):
        recorded(lambda: aws.get_ip_ranges(services=["ec2"]))


def test_what_the_program_refuses_is_told_in_its_own_words() -> None:
    def program() -> None:
        raise pulumi.RunError("no workers")

    with pytest.raises(ProgramError) as refused:
        recorded(program)
    assert str(refused.value) == "no workers"


def test_a_run_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("NAME = 'news'\n")
    (tmp_path / "__main__.py").write_text("import helper\nimport pulumi\npulumi.export('name', helper.NAME)\n")
    before = list(sys.path)
    try:
        assert run(tmp_path, "dev", {}, Invented("eu-central-1")).exports == {"name": "news"}
    finally:
        sys.modules.pop("helper", None)
    assert sys.path == before
    assert not asyncio._get_running_loop()


def names(resources: list[Recorded]) -> list[str]:
    return [resource.name for resource in resources]


@pytest.mark.parametrize("program", [twice, raises_in_apply])
def test_a_run_after_one_that_failed_sees_nothing_of_it(program: Program) -> None:
    with pytest.raises((ProgramError, KeyError)):
        recorded(program)
    assert names(recorded(topic_with_a_copy).resources) == ["news", "copy"]


def test_invented_names_and_ids_are_the_same_in_every_run() -> None:
    first, second = (recorded(topic_with_a_copy) for _ in range(2))
    assert [(r.id, r.outputs) for r in first.resources] == [(r.id, r.outputs) for r in second.resources]


def test_a_type_that_nobody_knows_is_recorded_like_any_other() -> None:
    class Computer(pulumi.CustomResource):
        pass

    [computer] = recorded(lambda: Computer("aws:quantum/computer:Computer", "one", {"qubits": 3})).resources
    assert computer.as_json()["type"] == "aws:quantum/computer:Computer"
    assert computer.as_json()["inputs"] == {"qubits": 3}


INTERRUPTED = """
import os, runpy, signal, sys
from pathlib import Path
from components.stackfile import engine_config
from sandbox.invented import Invented
from sandbox.program import record

def program():
    runpy.run_path(sys.argv[1], run_name="__main__")  # as the engine does
    os.kill(os.getpid(), signal.SIGINT)

project = Path(sys.argv[1]).parent
record(program, "dev", engine_config(project, "dev"), Invented("eu-central-1"), preview=True)
"""


def test_the_program_ends_without_a_traceback_when_the_engine_interrupts_it() -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(PROJECT / "__main__.py")]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "")
