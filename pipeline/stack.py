"""The stack that a step works for, as its CodeBuild project's environment says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stack:
    """
    prefix: of the physical names, as in `serverless-batch-dev`.
    parameters: folder of the SSM parameters that hold the released images, as in `/serverless-batch/dev/images`.
    architectures: of each worker that the step is about, "x86_64" or "arm64".
    job_definitions: of each of them whose jobs run in AWS Batch, the names of its definitions, its own first.
    """

    prefix: str
    parameters: str
    architectures: Mapping[str, str]
    job_definitions: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Stack:
        """KeyError if the environment is not a step's."""
        workers = dict(worker.split(":") for worker in names(environment["WORKERS"]))
        definitions: dict[str, list[str]] = {}
        for one in names(environment.get("JOB_DEFINITIONS", "")):
            worker, name = one.split(":")
            definitions.setdefault(worker, []).append(name)
        return cls(environment["NAME_PREFIX"], environment["PARAMETERS"], workers, definitions)

    def family(self, worker: str) -> str:
        """Of the worker's task definitions; its repository and its service have the same name."""
        return f"{self.prefix}-{worker.replace('_', '-')}"

    def canary_family(self, worker: str) -> str:
        """A family of its own: whoever runs the worker's takes its newest revision, released or not.

        No worker's family has an underscore.
        """
        return f"{self.family(worker)}_canary"

    def parameter(self, worker: str) -> str:
        """With the architecture: a worker that changes it has no image yet that it could run."""
        return f"{self.parameters}/{self.architectures[worker]}/{worker}"


def names(text: str) -> tuple[str, ...]:
    """A list with commas; none for an empty text."""
    return tuple(text.split(",")) if text else ()
