"""Changes to how moto's interpreter calls services and waits for what they do."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import botocore.session
from botocore import xform_name

Build = Callable[..., Any]
LOOK_SECONDS = 0.1  # between two looks at a job or task that an execution waits for
REASON = "Nobody waits for it any more: its state was stopped, or is over its time"


def to_api(service: Any, parameters: dict[str, Any], *_: Any, **names: Any) -> None:
    """For `_normalise_parameters`: names as the service's API has them, in place."""
    if shape := _operation(service, **names).input_shape:
        service._to_boto_request(parameters, shape)


def from_api(service: Any, response: Any, *_: Any, **names: Any) -> None:
    """For `_normalise_response`: names in PascalCase and bodies as text, in place."""
    if shape := _operation(service, **names).output_shape:
        service._from_boto_response(response, shape)


def _operation(service: Any, boto_service_name: str | None = None, service_action_name: str | None = None) -> Any:
    return _operations(service._get_boto_service_name(boto_service_name))[
        service._get_boto_service_action(service_action_name)
    ]


@cache
def _operations(service: str) -> dict[str, Any]:
    """By the client's method."""
    model = botocore.session.get_session().get_service_model(service)
    names: list[str] = list(model.operation_names)  # type: ignore[arg-type]  # a property of botocore's own kind
    return {xform_name(name): model.operation_model(name) for name in names}


class _Followed:
    """Looks at a job or task until it has ended. abandon: ends it."""

    def __init__(self, look: Callable[[], Any], abandon: Callable[[], None]):
        self._look, self.abandon = look, abandon

    def __call__(self) -> Any:
        return self._look()


def following_job(build: Build, client: Callable[[str], Any]) -> Build:
    """For `_build_sync_resolver` of a Batch job."""

    def following(service: Any, env: Any, **more: Any) -> _Followed:
        job = env.stack[-1]["JobId"]
        look = build(service, env=env, **more)
        return _Followed(look, lambda: client("batch").terminate_job(jobId=job, reason=REASON))

    return following


def following_task(build: Build, client: Callable[[str], Any]) -> Build:
    """For `_build_sync_resolver` of a task of ECS."""

    def following(service: Any, env: Any, **more: Any) -> _Followed:
        task = env.stack[-1]["Tasks"][0]
        place = {"cluster": task["ClusterArn"], "task": task["TaskArn"]}
        look = build(service, env=env, **more)

        def ended() -> Any:
            found = look()
            if found and any(one.get("ExitCode") != 0 for one in found["Containers"]):
                raise _task_failed(service, env, found)
            return found

        return _Followed(ended, lambda: client("ecs").stop_task(**place, reason=REASON))

    return following


def wait(service: Any, env: Any, sync_resolver: _Followed, **_: Any) -> Any:
    """For `_eval_sync`."""
    while env.is_running():
        if found := sync_resolver():
            return found
        env.program_state_event.wait(LOOK_SECONDS)
    sync_resolver.abandon()
    raise TimeoutError(REASON)


def unless_ended(set_error: Callable[..., None]) -> Callable[..., None]:
    """For `Environment.set_error`."""
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped, ProgramTimedOut

    def set_unless_ended(env: Any, error: Any) -> None:
        if not isinstance(env.program_state(), ProgramStopped | ProgramTimedOut):
            set_error(env, error)

    return set_unless_ended


def failure(env: Any, name: str, cause: str, **resource: str) -> Exception:
    """Of a state, with an error's reserved name such as `States.TaskFailed`."""
    from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
        FailureEventException,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    kind = StatesErrorNameType.from_name(name)
    details: TaskFailedEventDetails = {"error": name, "cause": cause, **resource}  # type: ignore[typeddict-item]
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=StatesErrorName(typ=kind),
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=details),  # type: ignore[call-arg]
        )
    )


def _task_failed(service: Any, env: Any, task: Any) -> Exception:
    resource = {"resource": service._get_sfn_resource(), "resourceType": service._get_sfn_resource_type()}
    return failure(env, "States.TaskFailed", json.dumps(task, default=str), **resource)
