"""What runs: functions, tasks, what triggers them, and the HTTP gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.compute.fargate import Fargate
from sandbox.compute.functions import Functions
from sandbox.compute.sources import Sources
from sandbox.gateway import Gateway

if TYPE_CHECKING:
    from sandbox.cloud import Cloud


class Compute:
    def __init__(self, cloud: Cloud):
        self.functions = Functions(cloud)
        self.sources = Sources(cloud, self.functions)
        self.fargate = Fargate(cloud)
        self.gateway = Gateway(cloud.folder / "logs", self.functions)

    def close(self) -> None:
        """End everything, within seconds: functions go before the sources that wait for their answers."""
        self.gateway.close()
        self.functions.close()
        self.sources.close()
        self.fargate.close()
