"""The rules, a folder a theme and a module a rule."""

from policies.model import Rule
from policies.rules import dlq, iam, logs, spot

RULES: tuple[Rule, ...] = (*spot.RULES, *dlq.RULES, *logs.RULES, *iam.RULES)
