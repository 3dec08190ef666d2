"""Runs a few lines of Pulumi program under its mock runtime and records the raw registrations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks, settings, stack
from pulumi.runtime.proto.resource_pb2 import RegisterResourceRequest

from sandbox.program import Recorded

ARN = "arn:aws:sqs:eu-central-1:123456789012:"


class _Mocks(mocks.Mocks):
    def __init__(self, preview: bool):
        self._preview = preview

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if self._preview:
            return "", args.inputs
        return f"{args.name}-id", {
            "arn": ARN + args.name,
            "name": args.name,
            "url": f"https://{args.name}",
        } | args.inputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        return {}, None


class _Monitor(mocks.MockMonitor):
    def __init__(self, preview: bool):
        super().__init__(_Mocks(preview))
        self.registrations: list[Recorded] = []

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)
        copy = RegisterResourceRequest()
        copy.CopyFrom(request)
        known = self.resources.get(response.urn)
        self.registrations.append(Recorded(response.urn, copy, response.id, known.state if known else {}))
        return response


def record(program: Callable[[], Any], *, preview: bool) -> list[Recorded]:
    """Every registration of the program; at preview, with unknown values where the engine has them."""
    monitor = _Monitor(preview)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    settings.set_root_resource(cast(pulumi.Resource, object()))
    mocks.set_mocks(monitor.mocks, project="p", stack="dev", preview=preview, monitor=monitor)
    settings.set_root_resource(cast(pulumi.Resource, None))
    try:
        loop.run_until_complete(stack.run_in_stack(program))
    finally:
        loop.close()
    return monitor.registrations
