"""`spot-ecs-effective`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import (
    UNKNOWN,
    Config,
    Finding,
    Resource,
    Severity,
    Stack,
    StackRule,
    Unknown,
    refuse,
    unsettled,
)
from policies.rules.spot import ecs_service, scheduled_task
from policies.rules.spot.cluster_default import CLUSTER, PROPERTY, PROVIDERS
from policies.rules.spot.strategy import SPOT

# Type → where it names its cluster. A task set names its service, whose cluster counts.
CLUSTERS = {
    ecs_service.SERVICE: ("cluster",),
    "aws:cloudwatch/eventTarget:EventTarget": ("arn",),
    "aws:scheduler/schedule:Schedule": ("target", "arn"),
    "aws:pipes/pipe:Pipe": ("target",),
}


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    if not _follows_the_cluster(resource):
        return
    path = CLUSTERS[resource.type]
    cluster = cluster_of(stack, resource, path)
    if isinstance(cluster, Unknown):
        yield unsettled(resource, "the cluster whose default capacity it uses")
    elif cluster is None:
        yield refuse(
            resource,
            "names no capacity provider, and its cluster is not declared in this stack, so nothing shows that it runs "
            f"on Spot. Give it capacityProviderStrategies with {SPOT}.",
        )
    else:
        # How much of the default is Spot is judged by spot-ecs-cluster-default.
        owners = [cluster_of(stack, p, ("clusterName",)) for p in stack.of_type(PROVIDERS) if _set(p.get(PROPERTY))]
        if _set(cluster.given(PROPERTY)) or cluster in owners:
            return
        if UNKNOWN in owners:
            yield unsettled(resource, f"whether {cluster}, whose default capacity it uses, has a default strategy")
            return
        yield refuse(
            resource,
            f"names no capacity provider, and {cluster} has no default strategy, so it runs on demand. Give it "
            f"capacityProviderStrategies with {SPOT}, or give the cluster a default by "
            "aws.ecs.ClusterCapacityProviders.",
        )


def _follows_the_cluster(resource: Resource) -> bool:
    if resource.type != ecs_service.SERVICE:
        return scheduled_task.runs_tasks(resource) and not scheduled_task.capacity(resource).chosen
    # EC2 is what ECS fills in, as an output; any other launch type was given, and is spot-ecs-service's business.
    given = resource.given("launchType") not in (None, "", "EC2", UNKNOWN)
    external = resource.get("deploymentController", "type") == "EXTERNAL"
    return not external and not given and not _set(resource.given("capacityProviderStrategies"))


def cluster_of(stack: Stack, resource: Resource, path: tuple[str, ...]) -> Resource | Unknown | None:
    """The cluster that a resource names or points to; None if it is not in the stack, UNKNOWN if that is open."""
    clusters = stack.of_type(CLUSTER)
    reference = resource.get(*path)
    if reference is UNKNOWN:
        linked = [c for c in clusters if c.urn in resource.dependencies.get(path[0], frozenset())]
        return linked[0] if len(linked) == 1 else UNKNOWN
    whole = str(reference or "default")  # ECS: a service without a cluster runs on the one of this name
    found = [c for c in clusters if whole in (c.get("arn"), c.get("id"))]
    if not whole.startswith("arn:"):
        found += [c for c in clusters if c.get("name") == whole]
    else:  # one whose ARN is known is another cluster, of another region or account
        name = whole.rsplit("/", 1)[-1]
        found += [c for c in clusters if c.get("name") == name and not isinstance(c.get("arn"), str)]
    return found[0] if found else None


def _set(value: object) -> bool:
    return value is UNKNOWN or bool(value)


RULE = StackRule(
    id="spot-ecs-effective",
    theme="spot",
    description="An ECS workload that names no capacity runs on a cluster whose default strategy is known to be Spot.",
    why="Without a strategy of its own and a default of its cluster, ECS starts tasks on demand without a word.",
    steps="Give the workload `capacity_provider_strategies`, or its cluster an `aws.ecs.ClusterCapacityProviders` with "
    "a default strategy.",
    unknown="A cluster that is unknown at preview is found by the property's dependency on it; without one the rule "
    "advises, and settles it at update.",
    severity=Severity.MEDIUM,
    types=frozenset(CLUSTERS),
    check=check,
)
