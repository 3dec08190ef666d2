"""`ecr-immutable-tags`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.baseline.ecr import REPOSITORIES, applies
from policies.rules.baseline.exceptions import EXCEPT
from policies.values import as_list

IMMUTABLE = ("IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION")


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    if not applies(resource, config):
        return
    mutability = resource.get("imageTagMutability")
    filters = as_list(resource.get("imageTagMutabilityExclusionFilters"))
    if mutability is UNKNOWN:
        yield unsettled(resource, "whether its tags can be moved")
    elif mutability not in IMMUTABLE:
        yield refuse(
            resource,
            "lets a tag be moved to another image, so what runs under it is not what was tested. Set "
            "imageTagMutability to IMMUTABLE.",
        )
    elif any(isinstance(one, Mapping) and not str(one.get("filter")).strip("*") for one in filters):
        yield refuse(
            resource,
            "excludes every tag from being immutable, by an exclusion filter of * alone. Name what begins the tags "
            "that are meant, or set imageTagMutability to IMMUTABLE.",
        )


RULE = ResourceRule(
    id="ecr-immutable-tags",
    theme="baseline",
    description="A tag of an image stays on the image that it was put on.",
    why="Whoever may push can otherwise put another image under a tag that tasks run by, and a rollback by tag brings "
    "back something else.",
    steps="Set `image_tag_mutability` of the repository to IMMUTABLE, and give each image a tag of its own, such as "
    "one made from its content.",
    unknown="Advises at preview when it is unknown; settled at update.",
    references=("FSBP ECR.2", "checkov CKV_AWS_51"),
    severity=Severity.MEDIUM,
    types=REPOSITORIES,
    parameters={"except": EXCEPT},
    check=check,
)
