"""`lambda-tracing`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Level, Resource, ResourceRule, Severity, refuse, unsettled


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    mode = resource.get("tracingConfig", "mode")
    if mode is UNKNOWN:
        yield unsettled(resource, "whether it is traced")
    elif mode != "Active":
        yield refuse(
            resource,
            "is not traced, so nobody sees which call of a slow or failed request it was. Set tracingConfig.mode to "
            "Active, and allow its role xray:PutTraceSegments and xray:PutTelemetryRecords.",
        )


RULE = ResourceRule(
    id="lambda-tracing",
    theme="baseline",
    level=Level.ADVISORY,
    description="A function is traced with AWS X-Ray.",
    why="A request goes through an API, functions, queues and state machines; without a trace the time that it takes, "
    "and the fault, are looked for in the log of each.",
    steps="Set `tracing_config` of the `aws.lambda_.Function` to the mode Active.",
    unknown="Advises at preview when it is unknown; settled at update.",
    references=("checkov CKV_AWS_50",),
    severity=Severity.LOW,
    types=frozenset({"aws:lambda/function:Function"}),
    check=check,
)
