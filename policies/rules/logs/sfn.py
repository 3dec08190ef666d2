"""`sfn-logging`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled

MACHINE = "aws:sfn/stateMachine:StateMachine"
LEVELS = ("OFF", "FATAL", "ERROR", "ALL")  # what is written grows


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    level, target = (resource.get("loggingConfiguration", key) for key in ("level", "logDestination"))
    least = config["level"]
    if level is UNKNOWN:
        yield unsettled(resource, "what it logs")
    elif level in (None, "", "OFF"):
        yield refuse(
            resource,
            "logs nothing: an express execution leaves no trace, and what is kept of a standard one is gone after 90 "
            f"days. Set loggingConfiguration with the level {least} and a logDestination.",
        )
    elif level in LEVELS and LEVELS.index(level) < LEVELS.index(least):
        yield refuse(resource, f"logs at the level {level} only. Set loggingConfiguration.level to {least}.")
    elif target in (None, ""):
        yield refuse(
            resource, "logs and does not say where. Set loggingConfiguration.logDestination to a log group's ARN and :*"
        )
    elif isinstance(target, str) and not target.endswith(":*"):
        yield refuse(
            resource,
            "names a log group without :* at the end of the ARN, which Step Functions refuses. Add it to "
            "loggingConfiguration.logDestination.",
        )


RULE = ResourceRule(
    id="sfn-logging",
    theme="logs",
    description="A state machine logs what its executions do.",
    why="Of an express execution nothing is kept at all, of a standard one for 90 days, and neither can be searched "
    "over all executions. The log can.",
    steps="Set `logging_configuration` of the `aws.sfn.StateMachine`: `level`, `log_destination` as the ARN of an "
    "`aws.cloudwatch.LogGroup` with `:*` at its end, and `include_execution_data` only where the input may be read.",
    unknown="Advises at preview when the level is unknown; settled at update. A destination that is unknown was given.",
    severity=Severity.MEDIUM,
    references=("FSBP StepFunctions.1", "checkov CKV_AWS_285", "cdk-nag AwsSolutions-SF1"),
    types=frozenset({MACHINE}),
    parameters={
        "level": {
            "type": "string", "enum": ["FATAL", "ERROR", "ALL"], "default": "ERROR",
            "description": "How much must be logged at least.",
        },
    },
    check=check,
)  # fmt: skip
