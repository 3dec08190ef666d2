"""The sandbox's cloud: moto for what stores, processes of this machine for what computes."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from sandbox.invented import Invented

if TYPE_CHECKING:
    from sandbox.compute import Compute

Creator = Callable[["Cloud", str, dict[str, Any]], dict[str, Any]]
CREATORS: dict[str, Creator] = {}


def creates(*types: str) -> Callable[[Creator], Creator]:
    """Register how resources of these types are created: (cloud, name, inputs) → outputs, `id` among them if it
    differs from the physical name."""

    def register(creator: Creator) -> Creator:
        for type_ in types:
            CREATORS[type_] = creator
        return creator

    return register


class Cloud:
    """Creates declared resources. An engine for `sandbox.program.run`.

    folder: where files of functions, tasks and logs go.
    declared_only: types that are recorded but do nothing here, and how many of each.
    """

    def __init__(self, region: str, project: Path, folder: Path):
        # Imported here: `check` needs no cloud, and should not wait for moto's import.
        from moto.server import ThreadedMotoServer

        from sandbox import resources
        from sandbox.compute import Compute

        resources.load()
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        logging.basicConfig(filename=folder / "logs" / "cloud.log", level=logging.WARNING, force=True)
        self.region, self.project, self.folder = region, project, folder
        self._invented = Invented(region)
        _serialize_dynamodb()
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self.declared_only: Counter[str] = Counter()
        self.compute: Compute = Compute(self)

    def client(self, service: str) -> Any:
        """A boto3 client that talks to this cloud."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = boto3.client(
                    service,
                    endpoint_url=self.endpoint,
                    region_name=self.region,
                    aws_access_key_id="sandbox",
                    aws_secret_access_key="sandbox",
                    config=Config(max_pool_connections=50, retries={"mode": "standard"}),
                )
            return self._clients[service]

    def environment(self) -> dict[str, str]:
        """What a process needs to talk to this cloud as if it were AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def create(self, type_: str, name: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        physical, outputs = self._invented.create(type_, name, inputs)
        creator = CREATORS.get(type_)
        if creator is None:
            if not type_.startswith("pulumi:"):
                with self._lock:
                    self.declared_only[type_] += 1
            return physical, outputs
        made = creator(self, physical, inputs)
        return str(made.pop("id", physical)), outputs | made

    def invoke(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        return self._invented.invoke(token, args)

    def close(self) -> None:
        """Stop everything that runs; what was stored is gone."""
        self.compute.close()
        self._server.stop()


def _serialize_dynamodb() -> None:
    """Moto checks a condition and writes in two steps; the real table does both at once."""
    from moto.dynamodb.responses import DynamoHandler

    answer, lock = DynamoHandler.call_action, threading.RLock()
    if getattr(answer, "serialized", False):
        return

    def call_action(handler: Any) -> Any:
        with lock:
            return answer(handler)

    call_action.serialized = True
    DynamoHandler.call_action = call_action
