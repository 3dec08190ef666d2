"""Evaluates the policies on recorded registrations, by the real policy SDK's analyzer in this process.

It does what the engine does around the analyzer: fills in configuration, asks for each resource by its inputs before
it would be created, then for the whole stack by outputs. Nothing is listened to and nothing is started.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi_policy
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import proto
from pulumi.runtime.rpc import _special_resource_sig, _special_sig_key
from pulumi_policy.policy import _PolicyAnalyzerServicer

from policies.adapter import sdk_policies
from policies.exemptions import Exemptions
from policies.model import Rule
from policies.rules import RULES
from policies.settings import LEVEL, StackConfig, initial_config

if TYPE_CHECKING:
    from sandbox.program import Recorded

LEVELS = {
    proto.ADVISORY: "advisory",
    proto.MANDATORY: "mandatory",
    proto.REMEDIATE: "remediate",
    proto.DISABLED: "disabled",
}


@dataclass(frozen=True)
class Violation:
    """What a policy has to say.

    level: "mandatory" stops a deployment, "advisory" is told, "remediate" was put right in the inputs.
    urn: of the resource; empty for the stack as a whole.
    """

    policy: str
    level: str
    urn: str
    message: str


def analyze(requests: Sequence[Recorded], config: StackConfig, *, rules: Iterable[Rule] = RULES) -> list[Violation]:
    """Every violation, in the order of the registrations, those of the whole stack last.

    requests: of a run in preview mode (its unknown values are in the requests) or of one in update mode.
    config: what a stack configures, as `policies.settings.load` gives it.
    """
    analyzer = _Analyzer(rules, config)
    found = [violation for recorded in requests for violation in analyzer.resource(recorded)]
    return [*found, *analyzer.stack(requests)]


class _Analyzer:
    def __init__(self, rules: Iterable[Rule], config: StackConfig):
        rules = tuple(rules)
        served = sdk_policies(rules, Exemptions(config.exemptions))
        self._servicer = _PolicyAnalyzerServicer(
            "serverless-batch", "0.0.1", served, pulumi_policy.EnforcementLevel.ADVISORY
        )
        policies = self._servicer.GetAnalyzerInfo(empty_pb2.Empty(), None).policies
        self._descriptions = {policy.name: policy.description for policy in policies}
        chosen = _configured(policies, initial_config(config, rules))
        self._servicer.Configure(proto.ConfigureAnalyzerRequest(policyConfig=chosen), None)

    def resource(self, recorded: Recorded) -> list[Violation]:
        """Remediations, then violations of the remediated inputs."""
        properties = inputs(recorded)
        asked = _asked(proto.AnalyzeRequest, recorded, properties)
        violations = []
        for remediation in self._servicer.Remediate(asked, None).remediations:
            if remediation.diagnostic:
                violations.append(Violation(remediation.policyName, "advisory", recorded.urn, remediation.diagnostic))
                continue
            asked.properties.CopyFrom(remediation.properties)
            violations.append(
                Violation(remediation.policyName, "remediate", recorded.urn, f"put right: {remediation.description}")
            )
        return violations + self._told(self._servicer.Analyze(asked, None), recorded.urn)

    def stack(self, requests: Sequence[Recorded]) -> list[Violation]:
        resources = []
        for recorded in requests:
            resource = _asked(proto.AnalyzerResource, recorded, outputs(recorded))
            resource.parent = recorded.request.parent
            resource.dependencies.extend(recorded.request.dependencies)
            for name, dependencies in recorded.request.propertyDependencies.items():
                if dependencies.urns:  # the engine leaves out the others
                    resource.propertyDependencies[name].urns.extend(dependencies.urns)
            resources.append(resource)
        return self._told(self._servicer.AnalyzeStack(proto.AnalyzeStackRequest(resources=resources), None), "")

    def _told(self, response: Any, urn: str) -> list[Violation]:
        """The SDK puts the policy's description before each message; here only the message counts."""
        return [
            Violation(
                told.policyName,
                LEVELS[told.enforcementLevel],
                told.urn or urn,
                told.message.removeprefix(f"{self._descriptions[told.policyName]}\n"),
            )
            for told in response.diagnostics
        ]


def _configured(policies: Iterable[Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Level and values of every policy, defaults filled in, as the engine does."""
    levels, result = {level: number for number, level in LEVELS.items()}, {}
    for policy in policies:
        schema = json_format.MessageToDict(policy.configSchema).get("properties", {})
        entry = dict(config[policy.name])
        level = levels[entry.pop(LEVEL)]
        values = {name: one["default"] for name, one in schema.items() if "default" in one} | entry
        result[policy.name] = proto.PolicyConfig(enforcementLevel=level, properties=_struct(values))
    return result


def _asked(message: Any, recorded: Recorded, properties: struct_pb2.Struct) -> Any:
    request = recorded.request
    options = proto.AnalyzerResourceOptions(
        protect=request.protect,
        ignoreChanges=request.ignoreChanges,
        deleteBeforeReplace=request.deleteBeforeReplace,
        deleteBeforeReplaceDefined=request.deleteBeforeReplaceDefined,
        additionalSecretOutputs=request.additionalSecretOutputs,
        parent=request.parent,
    )
    return message(type=request.type, urn=recorded.urn, name=request.name, properties=properties, options=options)


def inputs(recorded: Recorded) -> struct_pb2.Struct:
    return _struct(_without_references(json_format.MessageToDict(recorded.request.object)))


def outputs(recorded: Recorded) -> struct_pb2.Struct:
    """Inputs and what the provider added; of a component of the program only the outputs that it registers."""
    if not recorded.request.custom:
        return _struct(_without_references(recorded.registered))
    result = inputs(recorded)
    for name, value in recorded.outputs.items():
        if name not in result and _is_json(value):
            result.update({name: value})
    return result


def _without_references(value: Any) -> Any:
    """Resources that are inputs become their ids, as the engine sends them; the SDK's analyzer knows nothing else."""
    if isinstance(value, list):
        return [_without_references(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(_special_sig_key) == _special_resource_sig:
        return value.get("id", value.get("urn"))
    return {key: _without_references(item) for key, item in value.items()}


def _is_json(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return value is None or isinstance(value, str | int | float)


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(values), struct_pb2.Struct())
