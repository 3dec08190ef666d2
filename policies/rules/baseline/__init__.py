"""Baseline: encryption, no public access, no rights that nobody needs, nothing that is lost by mistake."""

from policies.model import Rule
from policies.rules.baseline import (
    api_authorization,
    api_throttling,
    codebuild_privileged,
    container_restricted,
    deletion_protection,
    ecr_immutable_tags,
    ecr_scan_on_push,
    encryption,
    lambda_concurrency,
    lambda_tracing,
    no_plain_secret,
    public_access_block,
    public_ip,
    recovery,
    required_tags,
    tls_only,
)

RULES: tuple[Rule, ...] = (
    encryption.RULE, tls_only.RULE, public_access_block.RULE, recovery.RULE, deletion_protection.RULE,
    ecr_immutable_tags.RULE, ecr_scan_on_push.RULE, container_restricted.RULE, public_ip.RULE, no_plain_secret.RULE,
    lambda_concurrency.RULE, lambda_tracing.RULE, api_throttling.RULE, api_authorization.RULE,
    codebuild_privileged.RULE, required_tags.RULE,
)  # fmt: skip
