"""Where moto's interpreter is not what Step Functions does, it is changed here; each change says why."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

from sandbox.compute.functions import Functions
from sandbox.compute.states import fan_out, tasks
from sandbox.compute.states.lambda_client import LambdaClient
from sandbox.invented import ACCOUNT

PARSER = "moto.stepfunctions.parser"


class Interpreter:
    """Changes moto until it is closed."""

    def __init__(self, client: Callable[[str], Any], region: str, functions: Functions):
        """client: of a service of this cloud, by its name."""
        from moto.core.config import default_user_config
        from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval import resource_eval_s3
        from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
            distributed_iteration_component,
        )
        from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
            state_task_service,
            state_task_service_batch,
            state_task_service_callback,
            state_task_service_ecs,
        )
        from moto.stepfunctions.parser.asl.eval.environment import Environment
        from moto.stepfunctions.parser.models import stepfunctions_parser_backends

        logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)  # else the definition for each failure
        self._backend = stepfunctions_parser_backends[ACCOUNT][region]
        self._undo: list[Callable[[], None]] = []
        self._config = default_user_config
        default_user_config["stepfunctions"] = {"execute_state_machine": True}

        lambdas = LambdaClient(functions)

        def client_for(service: str, **_: Any) -> Any:
            return lambdas if service == "lambda" else client(service)

        # It makes a client for each call, in threads that share one session, which breaks; and of a fixed port.
        for name, module in list(sys.modules.items()):
            if name.startswith(PARSER) and hasattr(module, "boto_client_for"):
                self._change(module, "boto_client_for", client_for)
        service = state_task_service.StateTaskService
        # A definition's parameters are in PascalCase, whatever the API has, and so are the answers; bodies are text.
        self._change(service, "_normalise_parameters", tasks.to_api)
        self._change(service, "_normalise_response", tasks.from_api)
        # It drops what it does not know of a submission.
        parameters = dict(state_task_service_batch._SUPPORTED_API_PARAM_BINDINGS)
        parameters["submitjob"] = parameters["submitjob"] | {"ShareIdentifier", "SchedulingPriorityOverride"}
        self._change(state_task_service_batch, "_SUPPORTED_API_PARAM_BINDINGS", parameters)
        # A task whose container failed has not succeeded.
        ecs, batch = state_task_service_ecs.StateTaskServiceEcs, state_task_service_batch.StateTaskServiceBatch
        self._change(ecs, "_build_sync_resolver", tasks.following_task(ecs._build_sync_resolver, client))
        # What nobody waits for any more, since its state was stopped or is over its time, goes on for ever; and what is
        # tried again counts as over its time at once.
        self._change(batch, "_build_sync_resolver", tasks.following_job(batch._build_sync_resolver, client))
        self._change(state_task_service_callback.StateTaskServiceCallback, "_eval_sync", tasks.wait)
        # An execution that was stopped, or is over its time, ends as what it then still comes to.
        self._change(Environment, "set_error", tasks.unless_ended(Environment.set_error))
        # It reads one page, wants at least one object, and names their fields otherwise.
        list_objects = staticmethod(fan_out.lister(client))
        self._change(resource_eval_s3.ResourceEvalS3, "_handle_list_objects_v2", list_objects)
        # Pieces that fail do not count, and one worker does its pieces as a recursion.
        component = distributed_iteration_component.DistributedIterationComponent
        self._change(component, "_map_run", fan_out.map_run)

    def close(self) -> None:
        """Stop all executions. What they have begun ends by itself, or with whatever runs it."""
        for machine in self._backend.state_machines:
            for execution in machine.executions:
                if execution.status == "RUNNING" and execution.exec_worker.env:  # type: ignore[attr-defined]
                    machine.stop_execution(execution.execution_arn)
        for undo in reversed(self._undo):
            undo()
        self._config["stepfunctions"] = {"execute_state_machine": False}

    def _change(self, holder: Any, name: str, value: Any) -> None:
        before = vars(holder)[name]
        self._undo.append(lambda: setattr(holder, name, before))
        setattr(holder, name, value)
