"""`codebuild-logging`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled

PROJECT = "aws:codebuild/project:Project"


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    cloudwatch, s3 = (resource.get("logsConfig", kind, "status") for kind in ("cloudwatchLogs", "s3Logs"))
    if cloudwatch is UNKNOWN or s3 is UNKNOWN:
        if "ENABLED" not in (cloudwatch, s3):
            yield unsettled(resource, "where its builds log to")
        return
    # Nothing said of CloudWatch Logs is that builds log there; log-group-managed asks for the group.
    if cloudwatch == "DISABLED" and s3 != "ENABLED":
        yield refuse(
            resource,
            "has its logs switched off: of a build that fails nothing says why, and of one that should not have been "
            "nothing says what it did. Enable logsConfig.cloudwatchLogs or logsConfig.s3Logs.",
        )
    elif s3 == "ENABLED" and resource.get("logsConfig", "s3Logs", "location") in (None, ""):
        yield refuse(resource, "logs to S3 and does not say where. Set logsConfig.s3Logs.location.")


RULE = ResourceRule(
    id="codebuild-logging",
    theme="logs",
    description="A build project keeps the logs of its builds.",
    why="A build has credentials and runs what is in a repository. Its log is the only witness.",
    steps="Leave `status` of `logs_config.cloudwatch_logs` of the `aws.codebuild.Project` ENABLED and name a group, or "
    "enable `s3_logs`.",
    unknown="Advises at preview when the status of the logs is unknown; settled at update.",
    severity=Severity.MEDIUM,
    references=("FSBP CodeBuild.4", "checkov CKV_AWS_314"),
    types=frozenset({PROJECT}),
    check=check,
)
