"""IAM: whoever runs may do what it needs and nothing else."""

from policies.model import Rule
from policies.rules.iam import (
    action_valid,
    no_admin,
    no_not_action,
    not_public,
    passrole_scoped,
    preview_readable,
    privilege_escalation,
    resource_star,
    role_separation,
    service_wildcard,
    trust_scoped,
    web_identity,
)

RULES: tuple[Rule, ...] = (
    no_admin.RULE, service_wildcard.RULE, resource_star.RULE, passrole_scoped.RULE, privilege_escalation.RULE,
    no_not_action.RULE, trust_scoped.RULE, web_identity.RULE, not_public.RULE, action_valid.RULE,
    role_separation.RULE, preview_readable.RULE,
)  # fmt: skip
