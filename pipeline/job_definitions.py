"""Job definitions of AWS Batch: revisions that differ by their image, and tasks of ECS that are like their jobs."""

from __future__ import annotations

from typing import Any

from pipeline.failures import StepFailed

# What describes a revision rather than being a part of it.
_OF_A_REVISION = ("containerOrchestrationType", "jobDefinitionArn", "revision", "status")
# What a job's container and a task's have in common, by the same names.
_OF_A_CONTAINER = (
    "command", "environment", "image", "linuxParameters", "logConfiguration", "mountPoints", "readonlyRootFilesystem",
    "secrets", "user",
)  # fmt: skip


class JobDefinitions:
    """batch: a client. Of a definition that has no active revision nothing can be had: StepFailed"""

    def __init__(self, batch: Any):
        self._batch = batch

    def timeout(self, name: str) -> int:
        """Seconds that a job may take."""
        return int(_variables(self._newest(name))["TIMEOUT_SECONDS"])

    def with_image(self, name: str, image: str) -> None:
        """Unless the newest revision has this image: register one that differs from it by the image alone.

        A job that is submitted without a revision takes the newest; those that have been submitted keep theirs.
        """
        newest = self._newest(name)
        container = newest["containerProperties"]
        if container["image"] == image:
            return
        copy = {key: value for key, value in newest.items() if key not in _OF_A_REVISION}
        self._batch.register_job_definition(**copy | {"containerProperties": container | {"image": image}})

    def task(self, name: str, container_name: str, architecture: str) -> dict[str, Any]:
        """A task on Fargate that is like a job of this definition: what RegisterTaskDefinition takes, without a family.

        It has the size of the worker's manifest, which Fargate offers, also if its jobs run on instances.
        architecture: "x86_64" or "arm64".
        """
        newest = self._newest(name)
        job, variables = newest["containerProperties"], _variables(newest)
        size = {"cpu": round(float(variables["VCPU"]) * 1024), "memory": round(float(variables["MEMORY_GB"]) * 1024)}
        container = {key: job[key] for key in _OF_A_CONTAINER if key in job} | size
        return {
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            **{key: str(value) for key, value in size.items()},
            "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": architecture.upper()},
            "executionRoleArn": job["executionRoleArn"],
            "taskRoleArn": job["jobRoleArn"],
            "volumes": [{"name": volume["name"]} for volume in job["volumes"]],
            "containerDefinitions": [container | {"name": container_name}],
            "tags": [{"key": key, "value": value} for key, value in newest["tags"].items()],
            **({"ephemeralStorage": job["ephemeralStorage"]} if "ephemeralStorage" in job else {}),
        }

    def _newest(self, name: str) -> dict[str, Any]:
        """The newest active revision."""
        pages = self._batch.get_paginator("describe_job_definitions").paginate(jobDefinitionName=name, status="ACTIVE")
        found = [revision for page in pages for revision in page["jobDefinitions"]]
        if not found:
            raise StepFailed(f"there is no job definition {name}")
        return max(found, key=lambda revision: revision["revision"])


def _variables(definition: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in definition["containerProperties"]["environment"]}
