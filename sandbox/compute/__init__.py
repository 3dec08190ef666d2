"""What runs: functions, tasks, what triggers them, and the HTTP gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.clock import Clock
from sandbox.compute.alarms import Alarms
from sandbox.compute.asynchronous import Asynchronous
from sandbox.compute.batch import Batch
from sandbox.compute.events import Events
from sandbox.compute.fargate import Fargate
from sandbox.compute.functions import Functions
from sandbox.compute.kubernetes import Kubernetes
from sandbox.compute.kubernetes.container import Container
from sandbox.compute.metrics import MINUTE, Metrics
from sandbox.compute.queues import Queues
from sandbox.compute.scaling import Scaling
from sandbox.compute.scheduler import Scheduler
from sandbox.compute.services import Services
from sandbox.compute.sources import Sources
from sandbox.compute.states import Interpreter
from sandbox.gateway import Gateway

if TYPE_CHECKING:
    from sandbox.cloud import Cloud


class Compute:
    def __init__(self, cloud: Cloud):
        self.clock = Clock()
        self.functions = Functions(cloud, self.clock)
        self.sources = Sources(cloud, self.functions)
        self.asynchronous = Asynchronous(cloud, self.clock, self.functions)
        self.events = Events(cloud, self.asynchronous)
        self.scheduler = Scheduler(cloud.region, self.clock, self.asynchronous)
        self.fargate = Fargate(cloud)
        self.services = Services(cloud, self.clock, self.fargate)
        self.batch = Batch(cloud, self.fargate, self.events)
        self.kubernetes = Kubernetes(self.clock, lambda pod, began, ended: Container(cloud, pod, began, ended))
        self.states = Interpreter(cloud.client, cloud.region, self.functions)
        self.queues = Queues(cloud, self.clock)
        self.metrics = Metrics(cloud, self.clock, self.functions, self.queues)
        self.scaling = Scaling(cloud, self.clock, self.metrics)
        self.alarms = Alarms(cloud, self.clock, self.metrics)
        self.gateway = Gateway(cloud.folder / "logs", self.functions)
        self.clock.every(MINUTE, self._minute, aligned=True)

    def _minute(self) -> None:
        self.metrics.collect()
        self.scaling.evaluate()
        self.alarms.evaluate()

    def close(self) -> None:
        """End everything, within seconds: functions go before what waits for their answers."""
        self.gateway.close()
        self.states.close()
        self.services.close()
        self.batch.close()
        self.kubernetes.close()
        self.functions.close()
        self.clock.close()
        self.asynchronous.close()
        self.events.close()
        self.sources.close()
        self.fargate.close()
        self.queues.close()
