"""Recorded registrations as rules see them, without the SDK between: for whoever evaluates thousands of stacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from google.protobuf import json_format, struct_pb2

from policies.adapter import plain
from policies.model import Resource
from policies.state import revealed
from sandbox.analyzer import inputs, outputs

if TYPE_CHECKING:
    from sandbox.program import Recorded


def plain_resources(run: Sequence[Recorded]) -> tuple[list[Resource], list[Resource]]:
    """The resources with what goes into them, and with what comes out."""
    return [_resource(one, inputs(one)) for one in run], [_resource(one, outputs(one)) for one in run]


def _resource(recorded: Recorded, properties: struct_pb2.Struct) -> Resource:
    linked = recorded.request.propertyDependencies
    return Resource(
        urn=recorded.urn,
        type=recorded.type,
        name=recorded.name,
        props=plain(revealed(json_format.MessageToDict(properties))),
        dependencies={name: frozenset(others.urns) for name, others in linked.items() if others.urns},
    )
