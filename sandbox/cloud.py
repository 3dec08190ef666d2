"""The sandbox's cloud: moto for what stores, processes of this machine for what computes."""

from __future__ import annotations

import logging
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from sandbox.atomic import make_atomic
from sandbox.invented import ACCOUNT, Invented, physical_name
from sandbox.lock import lock
from sandbox.program import ProgramError

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
    """Creates declared resources. An engine for `sandbox.program.run`, and a context manager that ends what runs.

    folder: where files of functions, tasks and logs go; those of an earlier cloud are removed.
    declared_only: types that are recorded but do nothing here, and how many of each.
    A process has one cloud at a time, because what moto stores is the process's; each begins empty.
    """

    def __init__(self, region: str, project: Path, folder: Path):
        """Raises ProgramError if another cloud uses the folder, or moto does not know the region."""
        # Imported here: `check` needs no cloud, and should not wait for moto's import.
        from moto.ecs.models import ecs_backends
        from moto.moto_api._internal.models import moto_api_backend
        from moto.server import ThreadedMotoServer

        from sandbox import resources
        from sandbox.compute import Compute

        if region not in ecs_backends[ACCOUNT]:
            raise ProgramError(f"The sandbox knows no region {region}.")
        resources.load()
        self._lock_file = lock(folder)
        shutil.rmtree(folder, ignore_errors=True)
        self._log = _log_to(folder / "logs" / "cloud.log")
        self.region, self.project, self.folder = region, project, folder
        self._invented = Invented(region)
        moto_api_backend.reset()
        make_atomic()
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self.declared_only: Counter[str] = Counter()
        self.compute: Compute = Compute(self)

    def __enter__(self) -> Cloud:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def client(self, service: str) -> Any:
        """A boto3 client that talks to this cloud."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = boto3.client(service, **self._access())
            return self._clients[service]

    def resource(self, service: str) -> Any:
        """A boto3 resource that talks to this cloud."""
        return boto3.resource(service, **self._access())

    def _access(self) -> dict[str, Any]:
        return {
            "endpoint_url": self.endpoint,
            "region_name": self.region,
            "aws_access_key_id": "sandbox",
            "aws_secret_access_key": "sandbox",
            # Whatever way out this machine has, the cloud is on it.
            "config": Config(max_pool_connections=50, retries={"mode": "standard"}, proxies={}),
        }

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
        invented, outputs = self._invented.create(type_, name, inputs)
        creator = CREATORS.get(type_)
        if creator is None:
            if not type_.startswith("pulumi:"):
                with self._lock:
                    self.declared_only[type_] += 1
            return invented, outputs
        made = creator(self, physical_name(type_, name, inputs), inputs)
        return str(made.pop("id", invented)), outputs | made

    def invoke(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        return self._invented.invoke(token, args)

    def close(self) -> None:
        """Stop everything that runs; what was stored is gone."""
        self.compute.close()
        for client in self._clients.values():
            client.close()
        self._server.stop()
        logging.getLogger().removeHandler(self._log)
        self._log.close()
        self._lock_file.close()


def _log_to(file: Path) -> logging.Handler:
    """What the process has to say goes to a file, not to the terminal."""
    file.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # else a line for each request
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    return handler
