"""An execution of a workflow of a stack that is up, from another process."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from components.problems import suggestion
from components.stackfile import NAMESPACE
from sandbox.program import ProgramError


def workflows_of(states: Any, stack: str) -> dict[str, str]:
    """Name of each workflow of a stack → ARN of its state machine. states: client of Step Functions."""
    prefix = f"{NAMESPACE}-{stack}-flow-".replace("_", "-")
    machines = [one for page in states.get_paginator("list_state_machines").paginate() for one in page["stateMachines"]]
    return {
        one["name"].removeprefix(prefix).replace("-", "_"): one["stateMachineArn"]
        for one in machines
        if one["name"].startswith(prefix)
    }


class Execution:
    """name: of the execution, by which its results are called, too."""

    def __init__(self, environment: dict[str, str], stack: str, workflow: str):
        """environment: of the stack that is up. Raises ProgramError if it has no such workflow."""
        self._session = boto3.Session(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        self._endpoint = environment["AWS_ENDPOINT_URL"]
        self._states, self._s3 = self._client("stepfunctions"), self._client("s3")
        self._prefix = f"{NAMESPACE}-{stack}-".replace("_", "-")
        known = workflows_of(self._states, stack)
        if workflow not in known:
            right = suggestion(workflow, sorted(known))
            raise ProgramError(f"The stack {stack} has no workflow {workflow}; {right}.")
        self.name = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
        self._machine = known[workflow]
        self._arn = known[workflow].replace(":stateMachine:", ":execution:") + f":{self.name}"

    def begin(self, input: dict[str, Any]) -> None:
        self._states.start_execution(stateMachineArn=self._machine, name=self.name, input=json.dumps(input))

    def state(self) -> dict[str, Any]:
        """As DescribeExecution has it."""
        return self._states.describe_execution(executionArn=self._arn)

    def history(self) -> list[dict[str, Any]]:
        pages = self._states.get_paginator("get_execution_history").paginate(executionArn=self._arn)
        return [event for page in pages for event in page["events"]]

    def pieces(self, map_run: str) -> dict[str, int]:
        """How many pieces of a fan-out there are, by their state."""
        return self._states.describe_map_run(mapRunArn=map_run)["itemCounts"]

    def stop(self) -> None:
        """Also one that has not begun."""
        with suppress(self._states.exceptions.ExecutionDoesNotExist):
            self._states.stop_execution(executionArn=self._arn)

    def objects(self, worker: str, stage: str) -> list[str]:
        """Keys of what a stage has written."""
        prefix = f"{worker}/{self.name}-{stage}/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket("results"), Prefix=prefix)
        return [thing["Key"] for page in pages for thing in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        """Of the results bucket."""
        return self._s3.get_object(Bucket=self._bucket("results"), Key=key)["Body"].read()

    def place(self, worker: str, stage: str) -> str:
        return f"s3://{self._bucket('results')}/{worker}/{self.name}-{stage}/"

    def copy(self, keys: Iterable[str], folder: Path) -> list[Path]:
        """Objects of the results bucket to files below a folder; the files."""
        paths = []
        for key in keys:
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.read(key))
            paths.append(path)
        return paths

    def upload(self, folder: Path) -> list[str]:
        """Each file below it, with its path there as its key; the keys."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for file in files:
            self._s3.upload_file(str(file), self._bucket("uploads"), file.relative_to(folder).as_posix())
        return [file.relative_to(folder).as_posix() for file in files]

    def _bucket(self, kind: str) -> str:
        names = [bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]]
        return next(name for name in names if name.startswith(f"{self._prefix}{kind}-"))

    def _client(self, service: str) -> Any:
        # Whatever way out this machine has, the stack is on it.
        return self._session.client(service, endpoint_url=self._endpoint, config=Config(proxies={}))
