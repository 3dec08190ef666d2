"""`apigw-throttling`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.values import as_list, number

STAGE, STAGE_V2 = "aws:apigateway/stage:Stage", "aws:apigatewayv2/stage:Stage"
SETTINGS, PLAN = "aws:apigateway/methodSettings:MethodSettings", "aws:apigateway/usagePlan:UsagePlan"
LIMITS = ("throttlingRateLimit", "throttlingBurstLimit")


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    if resource.type == STAGE_V2:
        answers = [_bounded(resource.get("defaultRouteSettings"), LIMITS)]
    else:
        answers = [
            _bounded(one.get("settings"), LIMITS)
            for one in stack.of_type(SETTINGS)
            if one.get("methodPath") == "*/*"
            and _means(one, "stageName", one.get("restApi"), one.get("stageName"), resource)
        ]
        answers += [
            _bounded(plan.get("throttleSettings"), ("rateLimit", "burstLimit"))
            for plan in stack.of_type(PLAN)
            if any(_means(plan, "apiStages", api, stage, resource) for api, stage in _stages(plan))
        ]
    if True in answers:
        return
    if None in answers:
        yield unsettled(resource, "how many requests it takes")
        return
    yield refuse(
        resource,
        "takes as many requests as the account may have in its region, so one caller can use up what all APIs have. "
        "Set a rate and a burst: in MethodSettings for */*, in a UsagePlan, or in defaultRouteSettings of an HTTP API.",
    )


def _bounded(settings: Any, names: tuple[str, ...]) -> bool | None:
    """None if that is not known yet."""
    values = [settings.get(name) if isinstance(settings, Mapping) else settings for name in names]
    if UNKNOWN in values:
        return None
    return all((number(value) or 0) > 0 for value in values)


def _stages(plan: Resource) -> list[tuple[Any, Any]]:
    """API and name of each."""
    stages = as_list(plan.get("apiStages"))
    return [(one.get("apiId"), one.get("stage")) if isinstance(one, Mapping) else (one, one) for one in stages]


def _means(holder: Resource, property_name: str, api: Any, name: Any, stage: Resource) -> bool:
    """Whether an API and a stage's name, found in a property of a resource, are this stage's."""
    if stage.urn in holder.dependencies.get(property_name, frozenset()):
        return True
    if name is UNKNOWN or name != stage.get("stageName"):
        return False
    return UNKNOWN in (api, stage.get("restApi")) or api == stage.get("restApi")


RULE = StackRule(
    id="apigw-throttling",
    theme="baseline",
    description="An API takes a bounded number of requests a second.",
    why="All APIs of an account share its limit of requests in a region. A caller in a loop takes it from the others, "
    "and what the API does for each request is paid for.",
    steps="Declare `aws.apigateway.MethodSettings` for */* with `throttling_rate_limit` and `throttling_burst_limit`, "
    "or an `aws.apigateway.UsagePlan` with `throttle_settings` where every method wants a key; of an HTTP API set "
    "`default_route_settings` of the stage.",
    unknown="A stage that is unknown at preview is told by the property's dependency. Advises when the limits are "
    "unknown; settled at update.",
    severity=Severity.MEDIUM,
    types=frozenset({STAGE, STAGE_V2}),
    check=check,
)
