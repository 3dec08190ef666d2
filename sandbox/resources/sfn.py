"""State machines: moto keeps and interprets them."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud, creates


@creates("aws:sfn/stateMachine:StateMachine")
def state_machine(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    made = cloud.client("stepfunctions").create_state_machine(
        name=name, definition=inputs["definition"], roleArn=inputs["roleArn"], type=inputs.get("type", "STANDARD")
    )
    return {"id": made["stateMachineArn"], "arn": made["stateMachineArn"]}
