"""Runs the project's real `__main__.py` under Pulumi's mock runtime and records every registration."""

from __future__ import annotations

import asyncio
import runpy
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import pulumi
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import mocks, rpc, settings, stack
from pulumi.runtime.config import set_all_config
from pulumi.runtime.proto.resource_pb2 import RegisterResourceRequest, RegisterResourceResponse

PROJECT = "serverless-batch"
STACK_TYPE = "pulumi:pulumi:Stack"


class ProgramError(Exception):
    """The program, or the stack's files, cannot be used; the text says why, for people."""


class Engine(Protocol):
    """What stands in for the cloud while the program runs. Called from several threads."""

    def create(self, type_: str, name: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Create a resource; returns its id and its outputs (camelCase, like the inputs)."""
        ...

    def invoke(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        """Answer a data source."""
        ...


class Preview:
    """The engine of a preview: nothing exists yet, so ids and outputs stay unknown; data sources answer."""

    def __init__(self, engine: Engine):
        self._engine = engine

    def create(self, type_: str, name: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "", inputs

    def invoke(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        return self._engine.invoke(token, args)


@dataclass(frozen=True)
class Recorded:
    """One registration: the raw request as policies see it, and what the engine answered.

    registered: what a component says that its outputs are, in Pulumi's wire form.
    """

    urn: str
    request: RegisterResourceRequest
    id: str
    outputs: dict[str, Any]
    registered: dict[str, Any] = field(default_factory=dict)

    @property
    def type(self) -> str:
        return self.request.type

    @property
    def name(self) -> str:
        return self.request.name

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs as JSON values; archives and secrets in Pulumi's wire form."""
        return json_format.MessageToDict(self.request.object)

    def as_json(self) -> dict[str, Any]:
        """urn, type, inputs and options, as `resources --json` prints them."""
        request = self.request
        options = {
            "parent": request.parent, "protect": request.protect, "provider": request.provider,
            "dependencies": sorted(request.dependencies), "ignoreChanges": list(request.ignoreChanges),
            "deleteBeforeReplace": request.deleteBeforeReplace, "retainOnDelete": request.retainOnDelete,
            "additionalSecretOutputs": list(request.additionalSecretOutputs), "custom": request.custom,
        }  # fmt: skip
        return {"urn": self.urn, "type": self.type, "inputs": whole_numbers(self.inputs), "options": options}


@dataclass(frozen=True)
class Run:
    """What a run of the program declared."""

    resources: list[Recorded]
    exports: dict[str, Any] = field(default_factory=dict)


class _Monitor(mocks.MockMonitor):
    def __init__(self, engine: Engine):
        super().__init__(_Mocks(engine))
        self.recorded: list[Recorded] = []
        self._exported = Struct()
        self._lock = threading.Lock()

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine makes it: the types of all parents but the stack."""
        parents = parent.split("::")[2] if parent else STACK_TYPE
        qualified = type_ if parents == STACK_TYPE else f"{parents}${type_}"
        return f"urn:pulumi:{settings.get_stack()}::{PROJECT}::{qualified}::{name}"

    def RegisterResource(self, request: RegisterResourceRequest) -> RegisterResourceResponse:  # noqa: N802 (gRPC name)
        response = super().RegisterResource(request)
        registration = self.resources.get(response.urn)
        with self._lock:
            if any(known.urn == response.urn for known in self.recorded):
                raise ProgramError(f"{request.type} {request.name!r} is declared twice")
            copy = RegisterResourceRequest()
            copy.CopyFrom(request)
            state = registration.state if registration else {}
            self.recorded.append(Recorded(response.urn, copy, registration.id if registration else "", state))
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 (gRPC name)
        if request.urn.split("::")[-2] == STACK_TYPE:
            self._exported = request.outputs
        with self._lock:
            for known in self.recorded:
                if known.urn == request.urn:
                    known.registered.update(json_format.MessageToDict(request.outputs))
        return super().RegisterResourceOutputs(request)

    def exports(self) -> dict[str, Any]:
        """What the stack exports. To be called where an event loop runs."""
        exported = rpc.deserialize_properties(self._exported, keep_unknowns=True)
        return {name: rpc.unwrap_rpc_secret(value) for name, value in exported.items()}


class _Mocks(mocks.Mocks):
    def __init__(self, engine: Engine):
        self._engine = engine

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if not args.custom and not args.typ.startswith(("awsx:", "eks:")):
            return "", args.inputs  # the program's own components live in the program
        return self._engine.create(args.typ, args.name, args.inputs)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        return self._engine.invoke(args.token, args.args), []


def run(project: Path, stack_name: str, config: Mapping[str, str], engine: Engine, *, preview: bool = False) -> Run:
    """Run the program of `project` for a stack; otherwise as `record`."""
    before = list(sys.path)
    sys.path.insert(0, str(project))
    try:
        return record(lambda: runpy.run_path(str(project / "__main__.py")), stack_name, config, engine, preview=preview)
    finally:
        sys.path[:] = before


def record(
    declare: Callable[[], object],
    stack_name: str,
    config: Mapping[str, str],
    engine: Engine,
    *,
    preview: bool = False,
) -> Run:
    """Call `declare` as the program of a stack, and wait for all that it registers.

    config: as the engine hands it over (`components.stackfile.engine_config`).
    preview: leave ids and outputs unknown, as the engine does before anything exists.
    Raises ProgramError for whatever the program refuses.
    """
    monitor = _Monitor(Preview(engine) if preview else engine)

    def program() -> None:
        declare()

    async def main() -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(threads)
        # A failure is raised; it also ends every future that waited, each of which would log it once more.
        loop.set_exception_handler(lambda loop, context: None)
        set_all_config(dict(config), [])
        settings.set_root_resource(cast(pulumi.Resource, object()))  # else set_mocks makes a stack
        mocks.set_mocks(monitor.mocks, project=PROJECT, stack=stack_name, preview=preview, monitor=monitor)
        settings.set_root_resource(cast(pulumi.Resource, None))  # the run makes its own
        await stack.run_in_stack(program)
        return monitor.exports()

    try:
        # A runner has a context of its own, and the SDK's settings live in the context: a run leaves nothing behind.
        with _threads_with_loops() as threads, asyncio.Runner() as runner:
            exports = runner.run(main())
    except pulumi.RunError as error:
        raise ProgramError(str(error)) from error
    return Run([r for r in monitor.recorded if r.type != STACK_TYPE], exports)


@contextmanager
def _threads_with_loops() -> Iterator[ThreadPoolExecutor]:
    """Threads for the SDK's calls. Its mocks make an event loop in each one and close none of them; these are."""
    loops: list[asyncio.AbstractEventLoop] = []

    def begin() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    try:
        with ThreadPoolExecutor(initializer=begin) as threads:
            yield threads
    finally:
        for loop in loops:
            loop.close()


def whole_numbers(value: Any) -> Any:
    """Protobuf knows only floats; whoever reads what is declared wants 7, not 7.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return value
