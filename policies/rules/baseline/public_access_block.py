"""`s3-public-access-block`."""

from __future__ import annotations

from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, Unknown, refuse, unsettled
from policies.rules.baseline.links import meant
from policies.rules.baseline.tls_only import BUCKETS

BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OF_THE_ACCOUNT = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
PARTS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    if resource.type in (BLOCK, OF_THE_ACCOUNT):
        yield from _judge(resource)
        return
    if stack.of_type(OF_THE_ACCOUNT):
        return
    blocks = stack.of_type(BLOCK)
    owners = [meant(block.get("bucket"), block, "bucket", stack.of_type(*BUCKETS)) for block in blocks]
    if any(owner is resource for owner in owners):
        return
    if any(isinstance(owner, Unknown) for owner in owners):
        yield unsettled(resource, "whether public access to it is blocked")
        return
    yield refuse(
        resource,
        "has no public access block: one wrong policy or ACL opens it to everybody. Declare a BucketPublicAccessBlock "
        "for it, with all four parts true.",
    )


def _judge(resource: Resource) -> Iterable[Finding]:
    values = {part: resource.given(part) for part in PARTS}
    if UNKNOWN in values.values():
        yield unsettled(resource, "which public access it blocks")
    elif off := [part for part, value in values.items() if value is not True]:
        yield refuse(resource, f"does not block all public access. Set {', '.join(off)} to true.")


RULE = StackRule(
    id="s3-public-access-block",
    theme="baseline",
    description="Public access to every bucket is blocked, whatever a policy or an ACL says.",
    why="AWS blocks it for new buckets, but whoever may change the bucket can take that away, and nobody would see it. "
    "A part that is left out of the resource is switched off.",
    steps="Declare an `aws.s3.BucketPublicAccessBlock` for the bucket with `block_public_acls`, `block_public_policy`, "
    "`ignore_public_acls` and `restrict_public_buckets`.",
    unknown="Whose a block is that is unknown at preview is told by the property's dependency; otherwise the rule "
    "advises, and settles it at update.",
    references=(
        "FSBP S3.1", "FSBP S3.8", "CIS AWS Foundations 3.0.0 2.1.4", "checkov CKV2_AWS_6", "checkov CKV_AWS_53",
        "checkov CKV_AWS_54", "checkov CKV_AWS_55", "checkov CKV_AWS_56",
    ),
    severity=Severity.HIGH,
    types=frozenset({*BUCKETS, BLOCK, OF_THE_ACCOUNT}),
    check=check,
)  # fmt: skip
