"""Logs: kept long enough to be of use, and not for ever."""

from policies.model import Rule
from policies.rules.logs import batch_job, retention

RULES: tuple[Rule, ...] = (retention.RULE, batch_job.RULE)
