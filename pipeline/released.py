"""The image that a worker's tasks run: one SSM parameter a worker, which `pulumi up` reads too."""

from __future__ import annotations

from typing import Any

from pipeline.failures import StepFailed
from pipeline.stack import Stack


class Released:
    def __init__(self, stack: Stack, ssm: Any):
        self._stack, self._ssm = stack, ssm

    def image(self, worker: str) -> str:
        """Registry, repository and tag or digest. StepFailed if the stack has no such worker (any more)."""
        if worker not in self._stack.architectures:
            raise StepFailed("is no worker of the stack that this pipeline ships")
        return self._ssm.get_parameter(Name=self._stack.parameter(worker))["Parameter"]["Value"]

    def set(self, worker: str, image: str) -> None:
        self._ssm.put_parameter(Name=self._stack.parameter(worker), Value=image, Overwrite=True)
