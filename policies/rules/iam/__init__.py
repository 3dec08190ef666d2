"""IAM: whoever runs may do what it needs and nothing else."""

from policies.model import Rule
from policies.rules.iam import (
    no_admin,
    no_not_action,
    passrole_scoped,
    resource_star,
    service_wildcard,
    trust_scoped,
    web_identity,
)

RULES: tuple[Rule, ...] = (
    no_admin.RULE, service_wildcard.RULE, resource_star.RULE, passrole_scoped.RULE, no_not_action.RULE,
    trust_scoped.RULE, web_identity.RULE,
)  # fmt: skip
