"""Image repositories of ECR, as both packages write them."""

from __future__ import annotations

from policies.model import Config, Resource
from policies.rules.baseline.exceptions import excepted

REPOSITORIES = frozenset({"aws:ecr/repository:Repository", "awsx:ecr:Repository"})
AWSX = "awsx:ecr:Repository"


def applies(resource: Resource, config: Config) -> bool:
    """The repository that a component of awsx makes is judged by the component's own inputs."""
    return resource.parent_type != AWSX and not excepted(resource, config)
