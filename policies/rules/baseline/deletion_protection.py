"""`deletion-protection`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.baseline.exceptions import EXCEPT, excepted

# Type → the property, and what it has to be.
PROTECTED = {
    "aws:dynamodb/table:Table": ("deletionProtectionEnabled", True),
    "aws:rds/instance:Instance": ("deletionProtection", True),
    "aws:rds/cluster:Cluster": ("deletionProtection", True),
    "aws:docdb/cluster:Cluster": ("deletionProtection", True),
    "aws:neptune/cluster:Cluster": ("deletionProtection", True),
    "aws:eks/cluster:Cluster": ("deletionProtection", True),
    "aws:lb/loadBalancer:LoadBalancer": ("enableDeletionProtection", True),
    "aws:alb/loadBalancer:LoadBalancer": ("enableDeletionProtection", True),
    "aws:cognito/userPool:UserPool": ("deletionProtection", "ACTIVE"),
}
# Type → the property that makes a destroy empty it first, and that has not to be true.
EMPTIED = {
    "aws:s3/bucket:Bucket": "forceDestroy",
    "aws:s3/bucketV2:BucketV2": "forceDestroy",
    "aws:ecr/repository:Repository": "forceDelete",
    "awsx:ecr:Repository": "forceDelete",
}


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    if not config["required"] or excepted(resource, config):
        return
    if resource.type in EMPTIED:
        name = EMPTIED[resource.type]
        if resource.get(name) is UNKNOWN:
            yield unsettled(resource, f"its {name}")
        elif resource.get(name) not in (None, False):
            yield refuse(resource, f"goes with all that is in it when it is destroyed. Leave {name} out.")
        return
    name, wanted = PROTECTED[resource.type]
    if resource.get(name) is UNKNOWN:
        yield unsettled(resource, f"its {name}")
    elif resource.get(name) != wanted:
        yield refuse(
            resource,
            f"can be deleted by mistake, with all that is in it. Set {name} to {'true' if wanted is True else wanted}.",
        )


RULE = ResourceRule(
    id="deletion-protection",
    theme="baseline",
    description="Where the stack wants it, what holds data or carries others cannot be deleted by mistake.",
    why="A destroy of the wrong stack, or a change that replaces a table, takes its data with it within seconds.",
    steps="Set `deletion_protection_enabled` of the `aws.dynamodb.Table`, `deletion_protection` of databases, clusters "
    "and user pools, `enable_deletion_protection` of load balancers; leave `force_destroy` and `force_delete` out.",
    unknown="Advises at preview when it is unknown; settled at update.",
    references=("FSBP DynamoDB.6", "FSBP RDS.7", "FSBP RDS.8", "FSBP ELB.6", "checkov CKV_AWS_139",
                "checkov CKV_AWS_150", "checkov CKV_AWS_293"),
    severity=Severity.MEDIUM,
    types=frozenset({*PROTECTED, *EMPTIED}),
    parameters={
        "required": {
            "type": "boolean", "default": False, "description": "Whether deletion has to be guarded against."
        },
        "except": EXCEPT,
    },
    check=check,
)  # fmt: skip
