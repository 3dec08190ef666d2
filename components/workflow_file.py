"""A workflow's file, `flows/<name>/workflow.yaml`: its stages, in their order, and what becomes of a failure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from components import units
from components.model import Model, read_value, sentence
from components.problems import Problem, Source, shown, suggestion
from components.schema import check_input_schema
from components.stackfile import NAMESPACE
from components.worker import Worker
from components.yamlfile import read_yaml
from workflows import (
    OVER_COUNT,
    OVER_ITEMS,
    OVER_PREFIX,
    FanOut,
    Runner,
    Stage,
    Work,
    Workflow,
    mistakes,
)

FOLDER, FILE = "flows", "workflow.yaml"
NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
KEY_END = re.compile(r"[.\[]")
IN_STAGE = re.compile(r"stages\[([0-9]+)\]")
FUNCTION_NAME = r"[A-Za-z0-9_-]{1,64}"
LONGEST_TIMEOUT = 365 * 24 * units.SECONDS["h"]  # Source: quotas of Step Functions, of an execution
LONGEST_ROLE_NAME = 64
MAX_NUMBERS = 1000  # Source: States.ArrayRange, AWS Step Functions developer guide
LONGEST_NOTE = 500


def _timeout(value: object) -> int:
    return units.within(units.seconds(value), 1, LONGEST_TIMEOUT, units.duration_text)


def _backoff(value: object) -> int:
    return units.within(units.seconds(value), 1, 900, units.duration_text)


Timeout = Annotated[int, BeforeValidator(_timeout)]
StageName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,29}$")]


class WorkerCall(Model):
    """A worker, and the input that it gets."""

    worker: str
    input: dict[str, Any] = Field(default={})


class FunctionCall(Model):
    """A Lambda function of the account, by its name, and the event that it gets."""

    name: Annotated[str, Field(pattern=f"^{FUNCTION_NAME}$")]
    input: dict[str, Any] = Field(default={})


class Works(Model):
    """Exactly one kind of work."""

    batch: WorkerCall | None = None
    task: WorkerCall | None = None
    function: FunctionCall | None = None

    @model_validator(mode="after")
    def _one(self) -> Works:
        if sum(one is not None for one in (self.batch, self.task, self.function)) != 1:
            raise sentence("must have exactly one of batch, task and function")
        return self

    @property
    def work(self) -> Work:
        if self.batch:
            return Work(kind="batch", name=self.batch.worker, input=self.batch.input)
        if self.task:
            return Work(kind="task", name=self.task.worker, input=self.task.input)
        assert self.function is not None  # one of them is
        return Work(kind="function", name=self.function.name, input=self.function.input)


class FanOutEntry(Model):
    """What the pieces are: the objects below `prefix`, the items of a list, or `count` numbers from 0 on.

    bucket: where the prefix is. concurrency: pieces at a time. tolerate: percent of them that may fail.
    """

    prefix: Annotated[str, Field(min_length=1)] | None = None
    items: Annotated[str, Field(min_length=1)] | None = None
    count: Annotated[int, Field(ge=1, le=MAX_NUMBERS)] | None = None
    bucket: Literal["uploads", "results"] | None = None
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 40
    tolerate: Annotated[int, Field(ge=0, le=100)] = 0

    @model_validator(mode="after")
    def _one(self) -> FanOutEntry:
        if sum(one is not None for one in (self.prefix, self.items, self.count)) != 1:
            raise sentence("must have exactly one of prefix, items and count")
        if self.bucket and self.prefix is None:
            raise sentence("has a bucket, which has a meaning only with a prefix")
        return self

    @property
    def fan_out(self) -> FanOut:
        value = self.prefix or self.items or self.count
        assert value is not None  # one of them is given
        over = OVER_PREFIX if self.prefix else OVER_ITEMS if self.items else OVER_COUNT
        return FanOut(
            over=over,
            value=value,
            bucket=self.bucket or "uploads",
            concurrency=self.concurrency,
            tolerate=self.tolerate,
        )


class RetryEntry(Model):
    """attempts: instead of the worker's. backoff: before the second attempt; then it doubles."""

    attempts: Annotated[int, Field(ge=1, le=10)]
    backoff_seconds: Annotated[int, BeforeValidator(_backoff)] = Field(default=10, alias="backoff")


class StageEntry(Works):
    """One stage. timeout: of its work, and of each piece of a fan-out."""

    name: StageName
    fan_out: FanOutEntry | None = Field(default=None, alias="fan_out")
    retry: RetryEntry | None = None
    timeout_seconds: Timeout | None = Field(default=None, alias="timeout")
    catch: str | None = None
    compensate: Works | None = None
    next: str | None = None
    end: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> StageEntry:
        if self.next and self.end:
            raise sentence(f"'{self.name}' has next and end; it must have at most one of them")
        if self.batch and self.retry and "backoff_seconds" in self.retry.model_fields_set:
            raise sentence(f"'{self.name}' has a backoff, which a Batch job has none of")
        return self

    @property
    def stage(self) -> Stage:
        return Stage(
            name=self.name,
            work=self.work,
            fan_out=self.fan_out.fan_out if self.fan_out else None,
            timeout=self.timeout_seconds,
            attempts=self.retry.attempts if self.retry else None,
            backoff=self.retry.backoff_seconds if self.retry else 10,
            catch=self.catch,
            compensate=self.compensate.work if self.compensate else None,
            next=self.next,
            end=self.end,
        )


class WorkflowFile(Model):
    """workflow.yaml. timeout: of a whole execution. notify: the ends that the stack's alarm topic is told of."""

    description: Annotated[str, Field(min_length=1, max_length=LONGEST_NOTE)]
    input: dict[str, Any]
    timeout_seconds: Timeout = Field(default=24 * units.SECONDS["h"], alias="timeout")
    notify: tuple[Literal["success", "failure"], ...] = ("failure",)
    stages: tuple[StageEntry, ...]

    @field_validator("stages")
    @classmethod
    def _some(cls, stages: tuple[StageEntry, ...]) -> tuple[StageEntry, ...]:
        if not stages:
            raise sentence("is an empty list; a workflow has at least one stage")
        return stages


class WorkflowOverride(Model):
    """What a stack may say about a workflow: nothing so far."""


def read_workflows(
    listed: object, source: Source, project_dir: Path, stack: str, workers: Sequence[Worker] | None
) -> tuple[list[Workflow], list[Problem]]:
    """The workflows that a stack lists, with everything that is wrong with the list and with their files.

    listed: the stack's `workflows` map, as it stands at `source`. workers: the stack's; None if something is wrong with
    them, so that nothing can be said of who is missing.
    """
    if not isinstance(listed, dict):
        return [], [source.problem("must be a map of workflows, each with {}", value=listed)]
    found: list[Workflow] = []
    problems: list[Problem] = []
    for name, raw in listed.items():
        _, wrong = read_value(WorkflowOverride, raw, source.inside(name))
        problems += wrong
        workflow, wrong = _read_folder(name, stack, source.inside(name), project_dir, workers)
        problems += wrong
        if workflow and not wrong:
            found.append(workflow)
    return found, problems


def runners_of(workers: Sequence[Worker]) -> dict[str, Runner]:
    """The workers that a stage can name, as far as a check needs to know them."""
    found = {}
    for worker in workers:
        trigger, input = worker.manifest.trigger, worker.manifest.input
        if trigger.batch:
            found[worker.name] = Runner(kind="batch", name=worker.name, input=input)
        elif trigger.api or trigger.schedule:
            found[worker.name] = Runner(kind="task", name=worker.name, input=input)
    return found


def _read_folder(
    name: str, stack: str, source: Source, project_dir: Path, workers: Sequence[Worker] | None
) -> tuple[Workflow | None, list[Problem]]:
    if not NAME.fullmatch(name):
        return None, [
            source.problem("is not a workflow's name: lower-case letters, digits and _, at most 30 characters")
        ]
    room = LONGEST_ROLE_NAME - len(f"{NAMESPACE}-{stack}-flow-")
    if len(name) > room:
        return None, [source.problem(f"is too long: with the stack's name, at most {room} characters fit")]
    path, file = project_dir / FOLDER / name / FILE, f"{FOLDER}/{name}/{FILE}"
    if not path.is_file():
        known = sorted(found.parent.name for found in (project_dir / FOLDER).glob(f"*/{FILE}"))
        return None, [source.problem(f"there is no {file}", right=suggestion(name, known))]
    return read_workflow(path, file, name, None if workers is None else runners_of(workers))


def read_workflow(
    path: Path, file: str, name: str, runners: Mapping[str, Runner] | None
) -> tuple[Workflow | None, list[Problem]]:
    """The workflow at `path`, called `file` in messages, and everything that is wrong with it. With problems it must
    not be used. runners: None if they are not known."""
    document, problems = read_yaml(path, file)
    if document.data is None:
        return None, problems or [document.source.problem("is empty")]
    content, found = read_value(WorkflowFile, document.data, document.source)
    problems += found
    data = document.data if isinstance(document.data, dict) else {}
    input_problems = (
        check_input_schema(data.get("input", {}), document.source.inside("input")) if "input" in data else []
    )
    problems += input_problems
    if content is None:
        workflow = _read_partly(name, data, input_usable=not input_problems)
    else:
        workflow = Workflow(
            name=name,
            description=content.description,
            input={} if input_problems else content.input,
            stages=[entry.stage for entry in content.stages],
            timeout=content.timeout_seconds,
            notify=content.notify,
        )
    wrong = mistakes(workflow, runners, partial=content is None) if runners is not None else []
    problems += [document.source.problem(one.wrong, one.path, right=one.right) for one in wrong]
    return None if content is None or input_problems else workflow, [_named(one, data) for one in problems]


def _read_partly(name: str, data: Mapping[str, Any], *, input_usable: bool) -> Workflow:
    """What there is to be judged of a file whose form is not right."""
    stages = data.get("stages")
    input = data.get("input")
    return Workflow(
        name=name,
        description="",
        input=input if input_usable and isinstance(input, dict) else {},
        stages=[_read_stage(raw) for raw in stages] if isinstance(stages, list) else [],
        timeout=LONGEST_TIMEOUT,
    )


def _read_stage(raw: object) -> Stage:
    """As it would be without what is wrong in it."""
    given = raw if isinstance(raw, dict) else {}
    entry, problems = read_value(StageEntry, given, Source(""))
    if entry is None:
        wrong = {KEY_END.split(problem.key)[0] for problem in problems}
        entry, _ = read_value(StageEntry, {key: given[key] for key in given if key not in wrong}, Source(""))
    if entry:
        return entry.stage
    name = given.get("name")
    return Stage(name=name if isinstance(name, str) else "", work=Work(kind="function", name=""))


def _named(problem: Problem, data: Mapping[str, Any]) -> Problem:
    """With the name of the stage that it is about."""
    place = IN_STAGE.match(problem.key)
    stages = data.get("stages")
    if not place or not isinstance(stages, list) or not isinstance(stages[int(place[1])], dict):
        return problem
    name = stages[int(place[1])].get("name")
    return replace(problem, key=f"{problem.key} (stage {shown(name)})") if isinstance(name, str) else problem
