"""The one place that knows the policy SDK: its proxies become plain data, our rules become its policies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import pulumi_policy as sdk
from pulumi_policy import proxy

from policies.evaluation import fault, judge, judge_in_stack
from policies.exemptions import Exemptions, told
from policies.model import (
    EXEMPT,
    EXEMPT_IN_STACK,
    STALE_EXEMPTION,
    UNKNOWN,
    UNSETTLED,
    UNSETTLED_IN_STACK,
    Finding,
    Resource,
    ResourceRule,
    Rule,
    Stack,
    StackRule,
)

LATER = "What a rule asks is known only when the update runs, so the rule answers then and not at preview."
LEFT_OUT = "A finding that is exempt by the stack's configuration stops nothing, and is told all the same."
STALE = "Every exemption is needed: it has not expired, and covers something that its rule finds."
Tell = Callable[[sdk.ReportViolation], None]
MARKERS = frozenset(getattr(proxy, name) for name in dir(proxy) if name.startswith("UNKNOWN_"))


def sdk_policies(rules: Iterable[Rule], exemptions: Exemptions) -> list[sdk.Policy]:
    """One SDK policy a rule, so that each has its own level and configuration, and some that tell of the rules.

    The SDK has one level for all that a policy reports, so what a mandatory rule cannot judge before the update, and
    what is exempt from it, is told by advisory policies of their own. The SDK runs policies in their order, all for one
    resource in one thread, and those for the whole stack last.
    """
    here, in_stack = _Telling(exemptions), _Telling(exemptions)
    policies = [
        _resource_policy(rule, here) if isinstance(rule, ResourceRule) else _stack_policy(rule, in_stack)
        for rule in rules
        if isinstance(rule, ResourceRule | StackRule)
    ]
    one, whole = sdk.ResourceValidationPolicy, sdk.StackValidationPolicy
    return [
        *policies,
        _advice(one, UNSETTLED, LATER, here.tell_unsettled),
        _advice(one, EXEMPT, LEFT_OUT, here.tell_exempt),
        _advice(whole, UNSETTLED_IN_STACK, LATER, in_stack.tell_unsettled),
        _advice(whole, EXEMPT_IN_STACK, LEFT_OUT, in_stack.tell_exempt),
        _advice(whole, STALE_EXEMPTION, STALE, lambda report: _tell_stale(exemptions, report)),
    ]


def _advice(kind: type[sdk.Policy], name: str, description: str, tell: Tell) -> sdk.Policy:
    return kind(
        name=name,
        description=description,
        enforcement_level=sdk.EnforcementLevel.ADVISORY,
        severity=sdk.Severity.LOW,
        validate=lambda _, report: tell(report),  # pyright: ignore[reportCallIssue]
    )


def _tell_stale(exemptions: Exemptions, report: sdk.ReportViolation) -> None:
    for complaint in exemptions.complaints():
        report(complaint, None)


class _Telling(threading.local):
    """Of the policies that ran before, in this thread, on the resource or stack at hand: what they leave to others."""

    def __init__(self, exemptions: Exemptions) -> None:
        self._exemptions = exemptions
        self._unsettled: dict[tuple[str, str], list[str]] = {}
        self._exempt: list[tuple[str, str]] = []

    def report(self, rule: Rule, findings: Iterable[Finding], report: sdk.ReportViolation) -> None:
        """Report what the rule itself has to say; keep the rest."""
        for finding in findings:
            if exemption := self._exemptions.of(rule.id, finding):
                self._exempt.append((told(exemption, finding), finding.urn))
            elif finding.settled:
                report(finding.message, finding.urn)
            else:
                self._unsettled.setdefault((finding.urn, finding.message), []).append(rule.id)

    def is_exempt(self, rule: Rule, urn: str) -> bool:
        return self._exemptions.covers(rule.id, urn)

    def tell_unsettled(self, report: sdk.ReportViolation) -> None:
        """Once what several rules ask."""
        waiting, self._unsettled = self._unsettled, {}
        for (urn, message), rules in waiting.items():
            report(f"{message} ({', '.join(rules)})", urn)

    def tell_exempt(self, report: sdk.ReportViolation) -> None:
        waiting, self._exempt = self._exempt, []
        for message, urn in waiting:
            report(message, urn)


def _resource_policy(rule: ResourceRule, telling: _Telling) -> sdk.Policy:
    def validate(args: sdk.ResourceValidationArgs, report: sdk.ReportViolation) -> None:
        if args.resource_type not in rule.types:
            return
        findings = _guarded(rule, args, lambda resource: judge(rule, resource, args.get_config()))
        telling.report(rule, findings, report)

    def remediate(args: sdk.ResourceValidationArgs) -> Mapping[str, Any] | None:
        if rule.remedy is None or args.resource_type not in rule.types or telling.is_exempt(rule, args.urn):
            return None
        try:
            changes = rule.remedy(_resource(args), args.get_config())
        except Exception:
            return None  # the resource stays as it is, is judged next, and the fault is told there
        if not changes:
            return None
        # The SDK's own mapping goes back, changed in place: it keeps secrets secret and unknowns unknown.
        for name, value in changes.items():
            args.props[name] = value  # pyright: ignore[reportIndexIssue]
        return args.props

    # The SDK takes a plain function as well as the asynchronous one that its types ask for.
    remedy = cast(sdk.ResourceRemediation, remediate) if rule.remedy else None
    return sdk.ResourceValidationPolicy(**_metadata(rule), validate=validate, remediate=remedy)


def _stack_policy(rule: StackRule, telling: _Telling) -> sdk.Policy:
    def validate(args: sdk.StackValidationArgs, report: sdk.ReportViolation) -> None:
        stack = Stack([_resource(resource) for resource in args.resources])
        telling.report(rule, judge_in_stack(rule, stack, args.get_config()), report)

    return sdk.StackValidationPolicy(**_metadata(rule), validate=validate)


def _guarded(rule: Rule, args: sdk.ResourceValidationArgs, check: Callable[[Resource], list[Finding]]) -> list[Finding]:
    """The SDK gives up the whole resource when a policy raises, so nothing may."""
    try:
        return check(_resource(args))
    except Exception as error:
        return [fault(rule, Resource(args.urn, args.resource_type, args.name), error)]


def _metadata(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.id,
        "description": rule.description,
        "enforcement_level": sdk.EnforcementLevel(rule.level),
        "severity": sdk.Severity(rule.severity),
        "config_schema": sdk.PolicyConfigSchema({name: dict(schema) for name, schema in rule.parameters.items()}),
        "remediation_steps": rule.steps,
        "tags": [rule.theme, *rule.references],
        "url": rule.url,
    }


def _resource(args: sdk.ResourceValidationArgs | sdk.PolicyResource) -> Resource:
    linked = args.property_dependencies if isinstance(args, sdk.PolicyResource) else {}
    return Resource(
        urn=args.urn,
        type=args.resource_type,
        name=args.name,
        props=plain(args.props),
        dependencies={name: frozenset(other.urn for other in others) for name, others in linked.items()},
    )


def plain(value: Any) -> Any:
    """The SDK's proxies as dicts and lists, unknown values as UNKNOWN, whole numbers as int, files as None.

    Reading an unknown value through a proxy raises, so each value is read by itself.
    """
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str | int | float):
        return None
    # In a remediation the SDK hands over the markers of unknown values as they are.
    return UNKNOWN if value in MARKERS else value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except proxy.UnknownValueError:
        return UNKNOWN
