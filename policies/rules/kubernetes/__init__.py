"""Kubernetes: pods without rights that they do not need, with limits, and Jobs that end."""

from policies.model import Rule
from policies.rules.kubernetes import job_ends, limits, no_plain_secret, restricted

RULES: tuple[Rule, ...] = (restricted.RULE, limits.RULE, job_ends.RULE, no_plain_secret.RULE)
