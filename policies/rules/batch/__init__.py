"""AWS Batch: queues that it accepts, and environments that cost nothing while no job runs."""

from policies.model import Rule
from policies.rules.batch import one_kind, scale_to_zero

RULES: tuple[Rule, ...] = (one_kind.RULE, scale_to_zero.RULE)
