"""A Lambda function of `functions/`, zipped with exactly its own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components.alerts import Alerts
from components.permissions import Role, Statement, send_messages, trace, write_logs
from components.site import Site

RUNTIME = "python3.13"
ARCHITECTURE = "arm64"
# The public layer of Powertools, by the parameter under which AWS publishes it; the version that the tests ran with.
POWERTOOLS = f"/aws/service/powertools/python/{ARCHITECTURE}/{RUNTIME}/3.37.0"
# Executions at once that take messages of one queue: what an execution starts or tells of is limited, too, and other
# functions of the account need some.
FROM_QUEUE: Any = {"maximum_concurrency": 10}


@dataclass(frozen=True, kw_only=True)
class FunctionArgs:
    """
    folder: below `functions/`; its `handler.py` has the function `handler`.
    packages: Python packages of the project that it imports. files: generated files, name → text.
    timeout: seconds. memory: MB. statements: what it may do besides writing its own logs.
    dead_letters: ARN of the queue for events that it was invoked with asynchronously and failed at every time.
    """

    folder: str
    environment: Mapping[str, pulumi.Input[str]]
    statements: Sequence[Statement]
    log_retention_days: int
    timeout: int = 30
    memory: int = 256
    packages: Sequence[str] = ("jobs",)
    files: Mapping[str, str] = field(default_factory=dict)
    dead_letters: str | None = None


class Function(pulumi.ComponentResource):
    """A function with its log group, its role, its alarm on errors."""

    def __init__(
        self,
        name: str,
        site: Site,
        project_dir: Path,
        args: FunctionArgs,
        alerts: Alerts,
        opts: pulumi.ResourceOptions | None = None,
    ):
        self.function_name = site.name(name)
        self.arn = site.arn("lambda", f"function:{self.function_name}")
        super().__init__(
            "serverless-batch:function:Function",
            name,
            {"functionName": self.function_name, "folder": args.folder, "timeout": args.timeout},
            opts,
        )
        child = pulumi.ResourceOptions(parent=self)
        log_group_name = f"/aws/lambda/{self.function_name}"
        log_group = aws.cloudwatch.LogGroup(
            name, name=log_group_name, retention_in_days=args.log_retention_days, opts=child
        )
        statements = [*write_logs(site.arn("logs", f"log-group:{log_group_name}")), *trace(), *args.statements]
        statements += send_messages(args.dead_letters) if args.dead_letters else []
        role = Role(f"{name}-function", site, "lambda", statements, opts=child)
        layer = pulumi.runtime.invoke_output(
            "aws:ssm/getParameter:getParameter", {"name": POWERTOOLS}, pulumi.InvokeOutputOptions(parent=self)
        )
        self.function = aws.lambda_.Function(
            name,
            name=self.function_name,
            role=role.arn,
            runtime=RUNTIME,
            architectures=[ARCHITECTURE],
            handler="handler.handler",
            code=archive(project_dir, args),
            layers=[layer.apply(lambda parameter: parameter["value"])],
            timeout=args.timeout,
            memory_size=args.memory,
            dead_letter_config={"target_arn": args.dead_letters} if args.dead_letters else None,
            tracing_config={"mode": "Active"},
            environment={
                "variables": {
                    "POWERTOOLS_SERVICE_NAME": name,
                    "POWERTOOLS_METRICS_NAMESPACE": site.project,
                    **args.environment,
                }
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[log_group]),
        )
        alerts.when_more_than(
            0,
            f"{name}-errors",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={"FunctionName": self.function_name},
            description=f"The function {self.function_name} failed; its log group {log_group_name} says why.",
            parent=self,
        )
        self.function_arn: pulumi.Output[str] = self.function.arn
        self.register_outputs({"functionArn": self.function_arn})


def archive(project_dir: Path, args: FunctionArgs) -> pulumi.AssetArchive:
    """The function's files at the top, its packages as folders, the generated files beside them; nothing else."""
    content: dict[str, pulumi.Asset | pulumi.Archive] = {}
    folder = project_dir / "functions" / args.folder
    for file in sorted(folder.glob("*.py")):
        content[file.name] = _asset(file, project_dir)
    for package in args.packages:
        for file in sorted((project_dir / package).rglob("*.py")):
            content[file.relative_to(project_dir).as_posix()] = _asset(file, project_dir)
    for name, text in args.files.items():
        content[name] = pulumi.StringAsset(text)
    return pulumi.AssetArchive(content)


def _asset(file: Path, project_dir: Path) -> pulumi.Asset:
    """By its path from the project: the engine runs there, and state must not hold a path of this machine."""
    return pulumi.FileAsset(file.relative_to(project_dir).as_posix())
