"""A function that looks at things every so many minutes."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.function import Function
from components.permissions import Role, invoke_function, send_messages
from components.queue import DeadLetterQueue
from components.site import Site


class Rounds(pulumi.ComponentResource):
    """Invokes a function at a rate. What a round did not do, the next one does, so none is repeated."""

    def __init__(
        self,
        name: str,
        site: Site,
        function: Function,
        *,
        minutes: int,
        description: str,
        undelivered: DeadLetterQueue,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """undelivered: gets the rounds that could not be handed over."""
        super().__init__("serverless-batch:rounds:Rounds", name, {"minutes": minutes}, opts)
        child = pulumi.ResourceOptions(parent=self)
        seconds = minutes * 60  # 60 is also the shortest age for which Lambda and its scheduler keep an event
        # Why a round failed, the function's log says. One that was dropped for its age is no error of the function, and
        # only its dead letter tells of it.
        aws.lambda_.FunctionEventInvokeConfig(
            name,
            function_name=function.function.name,
            maximum_event_age_in_seconds=seconds,
            maximum_retry_attempts=0,
            opts=child,
        )
        role = Role(
            f"{name}-schedule",
            site,
            "scheduler",
            [*invoke_function(function.arn), *send_messages(undelivered.arn)],
            opts=child,
        )
        aws.scheduler.Schedule(
            name,
            name=site.name(name),
            description=description,
            schedule_expression=f"rate({minutes} minute{'s' if minutes > 1 else ''})",
            flexible_time_window={"mode": "OFF"},
            target={
                "arn": function.function_arn,
                "role_arn": role.arn,
                "dead_letter_config": {"arn": undelivered.queue_arn},
                # Of handing a round over, not of the round: a moment's refusal is not worth a dead letter.
                "retry_policy": {"maximum_event_age_in_seconds": seconds, "maximum_retry_attempts": 1},
            },
            opts=child,
        )
        self.register_outputs({})
