"""A worker of Batch jobs, as its job definition tells of it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from batchjobs.errors import Refused
from batchjobs.stack import Names

MIB = 1024**2


@dataclass(frozen=True)
class Tier:
    """What a job gets whose input has at most `up_to` bytes, or any number if that is None. memory: MiB.

    number: from 1. queue: as the stack's file calls it.
    """

    number: int
    up_to: int | None
    vcpu: float
    memory: int
    queue: str

    @property
    def text(self) -> str:
        """`tier 2 (≤ 1 GB): 1 vCPU, 4 GB`."""
        limit = "any size" if self.up_to is None else f"≤ {size_text(self.up_to)}"
        return f"tier {self.number} ({limit}): {self.resources}"

    @property
    def resources(self) -> str:
        return f"{self.vcpu:g} vCPU, {size_text(self.memory * MIB)}"

    @property
    def requirements(self) -> list[dict[str, str]]:
        """As Batch takes them."""
        return [{"type": "VCPU", "value": f"{self.vcpu:g}"}, {"type": "MEMORY", "value": str(self.memory)}]

    @property
    def variables(self) -> dict[str, str]:
        """What the container is told of them."""
        return {"VCPU": f"{self.vcpu:g}", "MEMORY_GB": f"{self.memory / 1024:g}"}


@dataclass(frozen=True)
class Worker:
    """environment: of its container."""

    name: str
    environment: Mapping[str, str]
    log_group: str

    @cached_property
    def tiers(self) -> tuple[Tier, ...]:
        """Ascending."""
        return read_tiers(self.environment)

    @property
    def definitions(self) -> Mapping[str, str]:
        """Of each queue that it can use, the name of the definition."""
        return json.loads(self.environment["DEFINITIONS"])

    @property
    def array(self) -> int:
        """How many parts a submission has that does not say; 1 is no array."""
        return int(self.environment.get("ARRAY", "1"))

    @property
    def share(self) -> str:
        """Share identifier of submissions that name none; may be empty."""
        return self.environment.get("SHARE", "")

    @property
    def uploads(self) -> str:
        return self.environment["UPLOADS_BUCKET"]

    @property
    def results(self) -> str:
        return self.environment["RESULTS_BUCKET"]


def read_tiers(environment: Mapping[str, str]) -> tuple[Tier, ...]:
    """Of a container's variable TIERS."""
    return tuple(
        Tier(number, item["up_to"], float(item["vcpu"]), int(item["memory"]), item["queue"])
        for number, item in enumerate(json.loads(environment["TIERS"]), 1)
    )


def find_worker(batch: Any, names: Names, worker: str) -> Worker:
    """`Refused` if the stack has no such worker of Batch jobs."""
    pages = batch.get_paginator("describe_job_definitions")
    found = [
        one
        for page in pages.paginate(jobDefinitionName=names.of(worker), status="ACTIVE")
        for one in page["jobDefinitions"]
    ]
    if not found:
        known = sorted(_workers(batch, names))
        raise Refused(f"There is no Batch worker {worker} in this stack; {nearest(worker, known)}.")
    newest = max(found, key=lambda one: one["revision"])["containerProperties"]
    variables = variables_of(newest)
    return Worker(variables["WORKER"], variables, newest["logConfiguration"]["options"]["awslogs-group"])


def _workers(batch: Any, names: Names) -> set[str]:
    pages = batch.get_paginator("describe_job_definitions").paginate(status="ACTIVE")
    mine = [
        one
        for page in pages
        for one in page["jobDefinitions"]
        if one["jobDefinitionName"].startswith(f"{names.prefix}-") and "containerProperties" in one
    ]
    return {name for one in mine if (name := variables_of(one["containerProperties"]).get("WORKER"))}


def variables_of(container: Mapping[str, Any]) -> dict[str, str]:
    """Environment of a container, of a definition or of a job."""
    return {item["name"]: item.get("value", "") for item in container.get("environment", [])}


def memory_of(job: Mapping[str, Any]) -> int:
    """MiB of a job, which DescribeJobs has described."""
    needs = job["container"]["resourceRequirements"]
    return next(int(need["value"]) for need in needs if need["type"] == "MEMORY")


def nearest(wanted: str, known: Iterable[str]) -> str:
    """What to say after something that is not there."""
    listed = sorted(known)
    if not listed:
        return "it has none"
    close = difflib.get_close_matches(wanted, listed, 1)
    return f"nearest: {close[0]}" if close else f"there are: {', '.join(listed)}"


def size_text(count: float) -> str:
    """Bytes, as manifests write them: 1,024 MB a GB. The number has at most three digits that count."""
    for unit, size in (("GB", 1024**3), ("MB", MIB), ("KB", 1024)):
        if count >= size:
            value = count / size
            return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
    return f"{count:.0f} bytes"
