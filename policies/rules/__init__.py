"""The rules, a folder a theme and a module a rule."""

from policies.model import Rule
from policies.rules import baseline, batch, dlq, iam, kubernetes, logs, spot

RULES: tuple[Rule, ...] = (
    *spot.RULES,
    *baseline.RULES,
    *batch.RULES,
    *kubernetes.RULES,
    *dlq.RULES,
    *logs.RULES,
    *iam.RULES,
)
BY_ID = {rule.id: rule for rule in RULES}


def of_theme(theme: str) -> tuple[Rule, ...]:
    """The rules of one theme, which are a pack of their own."""
    return tuple(rule for rule in RULES if rule.theme == theme)
