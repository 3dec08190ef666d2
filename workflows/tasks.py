"""The Task states that do a stage's work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflows.model import OVER_COUNT, FanOut, Runner, Size, Stage, Work
from workflows.references import VALUE

State = dict[str, Any]

# Of AWS Batch and of Amazon ECS while a request is made; what becomes of the work is its own matter.
TRANSIENT = {
    "batch": ("Batch.ServerException", "Batch.TooManyRequestsException"),
    "task": ("ECS.ServerException", "ECS.ThrottlingException", "ECS.AmazonECSException"),
    "function": (
        "Lambda.ClientExecutionTimeoutException", "Lambda.ServiceException", "Lambda.AWSLambdaException",
        "Lambda.SdkClientException", "Lambda.TooManyRequestsException",
    ),
}  # fmt: skip
WAIT_SECONDS = 3600  # for room in the queue, unless the stage has a timeout of its own
GRACE_SECONDS = 60  # an attempt's, on top of the worker's timeout, until AWS Batch ends it


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the definition has to know of where it runs.

    buckets: `uploads` and `results`, with their names. topic: ARN of the topic that is told of ends. cluster: ARN.
    container: a task's. capacity_provider: where it runs; a single task cannot be shared out. subnets, security_groups:
    of tasks; whatever JSON they will become. functions: ARN of the account's functions, without the name.
    evaluate_on_exit: of a job's retry strategy, which whoever changes the attempts must give again.
    """

    machine: str
    partition: str
    buckets: Mapping[str, str]
    topic: str
    cluster: str = ""
    container: str = "worker"
    capacity_provider: str = "FARGATE_SPOT"
    subnets: Any = ()
    security_groups: Any = ()
    assign_public_ip: bool = False
    functions: str = ""
    evaluate_on_exit: Sequence[Mapping[str, str]] = field(default_factory=tuple)

    def resource(self, action: str) -> str:
        return f"arn:{self.partition}:states:::{action}"


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Work that is done at one place of the workflow. key: what its submission is called, after the execution's name;
    its results are below. fan_out: of which it is one piece."""

    work: Work
    key: str
    stage: Stage
    fan_out: FanOut | None = None

    @property
    def job_key(self) -> str:
        """Expression for JOB_KEY. The runtime adds the index of an array's part itself."""
        if self.fan_out and self.fan_out.over != OVER_COUNT:
            return f"States.Format('{{}}-{self.key}/{{}}', $.run, $.index)"
        return f"States.Format('{{}}-{self.key}', $.run)"

    @property
    def environment(self) -> list[dict[str, str]]:
        """Variables by which the runtime learns what to do."""
        given = [_variable("INPUT", "States.JsonToString($.work.input)"), _variable("JOB_KEY", self.job_key)]
        if self.fan_out and self.fan_out.over == OVER_COUNT:
            given.append(_variable("ARRAY_INDEXES", "States.Format('{}', $.index)"))
            given.append({"Name": "ARRAY_SIZE", "Value": str(self.fan_out.value)})
        return given


def seconds(runner: Runner, stage: Stage) -> int:
    """How long one job, task or call may take, all attempts and the wait for room included."""
    if stage.timeout:
        return stage.timeout
    if runner.kind == "function":
        return 15 * 60  # the longest that a function runs
    return (stage.attempts or runner.attempts) * (runner.timeout + GRACE_SECONDS) + WAIT_SECONDS


def task(piece: Piece, runner: Runner, around: Surroundings, size: Size | None) -> State:
    """Without what comes next. size: of a Batch job."""
    if runner.kind == "batch":
        assert size is not None  # a Batch worker has at least one
        resource, parameters = "batch:submitJob.sync", _job(piece, around, size)
    elif runner.kind == "task":
        resource, parameters = "ecs:runTask.sync", _container(piece, runner, around)
    else:
        arn = f"{around.functions}{runner.target}"
        resource, parameters = "lambda:invoke", {"FunctionName": arn, "Payload.$": "$.work.input"}
    return {
        "Type": "Task",
        "Resource": around.resource(resource),
        "Parameters": parameters,
        "TimeoutSeconds": seconds(runner, piece.stage),
        "Retry": _retries(piece.stage, runner),
    }


def leaves(piece: Piece, runner: Runner, around: Surroundings) -> dict[str, Any]:
    """ResultSelector: what of a stage's outcome is kept. Of a state machine's own execution only."""
    if runner.kind == "function":
        return {"result": {f"{VALUE}.$": "$.Payload"}}
    kept: dict[str, Any] = {
        "bucket": around.buckets["results"],
        "prefix.$": f"States.Format('{runner.name}/{{}}-{piece.key}/', $$.Execution.Name)",
    }
    return kept | ({"job.$": "$.JobId"} if runner.kind == "batch" and not piece.fan_out else {})


def read_result(piece: Piece, runner: Runner, around: Surroundings) -> State:
    """Fetches what the work wrote as its result. Without what comes next."""
    return {
        "Type": "Task",
        "Resource": around.resource("aws-sdk:s3:getObject"),
        "Parameters": {
            "Bucket": around.buckets["results"],
            "Key.$": f"States.Format('{runner.name}/{{}}-{piece.key}/result.json', $.run)",
        },
        "ResultSelector": {f"{VALUE}.$": "States.StringToJson($.Body)"},
        "TimeoutSeconds": 60,
        "Retry": retries_of_a_call(),
    }


def retries_of_a_call() -> list[dict[str, Any]]:
    """Of one that is over at once, and that may be made twice."""
    return [_retry(("States.TaskFailed",), 2, 2)]


def _job(piece: Piece, around: Surroundings, size: Size) -> dict[str, Any]:
    environment = [
        *piece.environment,
        {"Name": "MEMORY_GB", "Value": f"{size.memory / 1024:g}"},
        {"Name": "VCPU", "Value": f"{size.vcpu:g}"},
    ]
    job: dict[str, Any] = {
        "JobName": f"{around.machine}-{piece.key}",
        "JobQueue": size.queue,
        "JobDefinition": size.definition,
        "ContainerOverrides": {
            "Environment": environment,
            "ResourceRequirements": [
                {"Type": "MEMORY", "Value": str(size.memory)},
                {"Type": "VCPU", "Value": f"{size.vcpu:g}"},
            ],
        },
    }
    if size.share:
        job |= {"ShareIdentifier": size.share, "SchedulingPriorityOverride": 0}
    if piece.stage.attempts:
        job["RetryStrategy"] = {
            "Attempts": piece.stage.attempts,
            "EvaluateOnExit": [dict(one) for one in around.evaluate_on_exit],
        }
    return job


def _container(piece: Piece, runner: Runner, around: Surroundings) -> dict[str, Any]:
    """A task of a worker that otherwise takes jobs of the API: its runtime runs one job as AWS Batch would have it."""
    environment = [
        *piece.environment,
        {"Name": "BATCH", "Value": "1"},
        _variable("AWS_BATCH_JOB_ID", piece.job_key),
    ]
    return {
        "Cluster": around.cluster,
        "TaskDefinition": runner.target,
        # Of the cluster's default the base on demand would take each task, as each is a request of its own.
        "CapacityProviderStrategy": [{"CapacityProvider": around.capacity_provider, "Weight": 1}],
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "AssignPublicIp": "ENABLED" if around.assign_public_ip else "DISABLED",
                "SecurityGroups": around.security_groups,
                "Subnets": around.subnets,
            }
        },
        "Overrides": {"ContainerOverrides": [{"Name": around.container, "Environment": environment}]},
    }


def _retries(stage: Stage, runner: Runner) -> list[dict[str, Any]]:
    retries = [_retry(TRANSIENT[runner.kind], 5, 2)]
    attempts = stage.attempts or runner.attempts
    if runner.kind != "batch" and attempts > 1:  # AWS Batch counts its jobs' attempts itself
        retries.append(_retry(("States.TaskFailed",), attempts - 1, stage.backoff))
    return retries


def _retry(errors: Sequence[str], times: int, backoff: int) -> dict[str, Any]:
    return {
        "ErrorEquals": list(errors),
        "MaxAttempts": times,
        "IntervalSeconds": backoff,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
    }


def _variable(name: str, expression: str) -> dict[str, str]:
    return {"Name": name, "Value.$": expression}
