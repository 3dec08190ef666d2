"""`python -m pipeline build|canary|release`, in the project's folder; configured by environment variables."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import boto3

from pipeline import images
from pipeline.build import Build
from pipeline.canary import Canary
from pipeline.failures import StepFailed
from pipeline.release import Release
from pipeline.released import Released
from pipeline.stack import Stack, names


def build() -> None:
    made = Build(
        Stack.of(os.environ),
        boto3.client("ecr"),
        registry=os.environ["REGISTRY"],
        cache=os.environ["CACHE"],
    ).run(Path.cwd())
    images.write(made, Path.cwd())


def canary() -> None:
    stack = Stack.of(os.environ)
    Canary(
        stack,
        Released(stack, boto3.client("ssm")),
        boto3.client("ecs"),
        boto3.client("batch"),
        boto3.client("s3"),
        cluster=os.environ["CLUSTER"],
        network={
            "awsvpcConfiguration": {
                "subnets": os.environ["SUBNETS"].split(","),
                "securityGroups": os.environ["SECURITY_GROUPS"].split(","),
                "assignPublicIp": os.environ["ASSIGN_PUBLIC_IP"],
            }
        },
        sampled=names(os.environ.get("SAMPLED", "")),
        samples=Path("samples"),
        uploads=os.environ["UPLOADS_BUCKET"],
    ).run(images.read(os.environ))


def release() -> None:
    stack = Stack.of(os.environ)
    Release(
        stack,
        Released(stack, boto3.client("ssm")),
        boto3.client("ecs"),
        boto3.client("batch"),
        cluster=os.environ["CLUSTER"],
        services=names(os.environ.get("SERVICES", "")),
    ).run(images.read(os.environ))


STEPS: dict[str, Callable[[], None]] = {"build": build, "canary": canary, "release": release}


def main(arguments: Sequence[str]) -> int:
    """0 if the step was done for every worker; what went wrong is the last line."""
    if len(arguments) != 1 or arguments[0] not in STEPS:
        print(f"usage: python -m pipeline {'|'.join(STEPS)}", file=sys.stderr)
        return 2
    try:
        STEPS[arguments[0]]()
    except StepFailed as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
