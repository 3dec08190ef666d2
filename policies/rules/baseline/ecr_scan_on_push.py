"""`ecr-scan-on-push`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.baseline.ecr import REPOSITORIES, applies
from policies.rules.baseline.exceptions import EXCEPT

WAY = ("imageScanningConfiguration", "scanOnPush")


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    if not applies(resource, config):
        return
    scans = resource.get(*WAY)
    if scans is UNKNOWN:
        yield unsettled(resource, "whether its images are scanned")
    elif scans is not True:
        yield refuse(
            resource,
            "does not scan its images for known weaknesses. Set imageScanningConfiguration.scanOnPush to true.",
        )


def remedy(resource: Resource, config: Config) -> Mapping[str, Any]:
    if any(finding.settled for finding in check(resource, config)):
        return {WAY[0]: {WAY[1]: True}}
    return {}


RULE = ResourceRule(
    id="ecr-scan-on-push",
    theme="baseline",
    description="An image is scanned for known weaknesses when it is pushed.",
    why="Images bring hundreds of packages that nobody wrote here; without a scan nobody hears that one has a hole.",
    steps="Set `image_scanning_configuration` of the repository to scan on push. With this rule at the level "
    "`remediate` it is put in.",
    unknown="Advises at preview when it is unknown; settled at update.",
    references=("FSBP ECR.1", "checkov CKV_AWS_163"),
    severity=Severity.LOW,
    types=REPOSITORIES,
    parameters={"except": EXCEPT},
    check=check,
    remedy=remedy,
)
