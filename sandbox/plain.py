"""Recorded registrations as rules see them, without the SDK between: for whoever evaluates thousands of stacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

from policies.adapter import plain
from policies.model import Resource
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
        props=plain(_revealed(json_format.MessageToDict(properties))),
        dependencies={name: frozenset(others.urns) for name, others in linked.items() if others.urns},
    )


def _revealed(value: Any) -> Any:
    """Secrets as what they hide, other values of Pulumi's wire form, which are files, as None."""
    if isinstance(value, list):
        return [_revealed(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(_special_sig_key)
    if kind == _special_secret_sig:
        return _revealed(value["value"])
    return None if kind else {key: _revealed(item) for key, item in value.items()}
