"""What other tools say of the policies in `iam_corpus`, and why we differ where we do.

cloudsplaining runs here. checkov does not, since its pins conflict with the project's: `iam_corpus/ask_checkov.py`
wrote down what it says. A difference without a reason fails, and so does a reason without a difference.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cloudsplaining.scan.assume_role_policy_document import AssumeRolePolicyDocument
from cloudsplaining.scan.policy_document import PolicyDocument
from cloudsplaining.scan.resource_policy_document import ResourcePolicyDocument
from policy_cases import findings, make
from policy_sentry.querying.all import get_all_service_prefixes

CORPUS = Path(__file__).parent / "iam_corpus"
POLICIES = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(CORPUS.glob("*-*.json"))}
CHECKOV = json.loads((CORPUS / "checkov.json").read_text(encoding="utf-8"))
# How a policy's name begins → the resource that has it, and where.
PLACES = {
    "identity": ("aws:iam/policy:Policy", "policy"),
    "trust": ("aws:iam/role:Role", "assumeRolePolicy"),
    "sqs": ("aws:sqs/queuePolicy:QueuePolicy", "policy"),
    "sns": ("aws:sns/topicPolicy:TopicPolicy", "policy"),
    "s3": ("aws:s3/bucketPolicy:BucketPolicy", "policy"),
    "ecr": ("aws:ecr/repositoryPolicy:RepositoryPolicy", "policy"),
    "kms": ("aws:kms/key:Key", "policy"),
}
OF_ROLES = (
    "iam-no-admin",
    "iam-service-wildcard",
    "iam-resource-star",
    "iam-no-not-action",
    "iam-privilege-escalation",
)
# Rule → checks of checkov that ask the same; it has none on wildcards of a service and on exclusion.
CHECKS = {
    "iam-no-admin": {"CKV_AWS_62", "CKV_AWS_63"},
    "iam-resource-star": {"CKV_AWS_355"},
    "iam-privilege-escalation": {"CKV_AWS_286"},
    "iam-trust-scoped": {"CKV_AWS_60", "CKV_AWS_61"},
    "resource-policy-not-public": {
        "CKV_AWS_32", "CKV_AWS_33", "CKV_AWS_70", "CKV_AWS_168", "CKV_AWS_169", "CKV_AWS_387",
    },
}  # fmt: skip
EVERY_SERVICE = len(get_all_service_prefixes())


def ours(name: str) -> set[str]:
    type_, place = PLACES[kind(name)]
    resource = make(type_, name, **{place: json.dumps(POLICIES[name])})
    return {rule for rule in rules(name) if findings(rule, resource)}


def cloudsplainings(name: str) -> set[str]:
    policy = POLICIES[name]
    if kind(name) == "trust":
        return {"iam-trust-scoped"} if AssumeRolePolicyDocument(policy).role_assumable_by_any_principal else set()
    if kind(name) != "identity":
        return {"resource-policy-not-public"} if ResourcePolicyDocument(policy).internet_accessible_actions else set()
    document = PolicyDocument(policy)
    services = document.service_wildcard
    said: dict[str, Any] = {
        "iam-no-admin": len(services) == EVERY_SERVICE,
        "iam-service-wildcard": 0 < len(services) < EVERY_SERVICE,
        "iam-resource-star": document.all_allowed_unrestricted_actions,
        "iam-no-not-action": document.contains_statement_using_not_action,
        "iam-privilege-escalation": document.allows_privilege_escalation,
    }
    return {rule for rule, found in said.items() if found}


def checkovs(name: str) -> set[str]:
    return {rule for rule in rules(name) if CHECKS.get(rule, set()) & set(CHECKOV["failed"][name])}


def kind(name: str) -> str:
    return name.partition("-")[0]


def rules(name: str) -> tuple[str, ...]:
    """The rules that are compared on a policy."""
    if kind(name) == "identity":
        return OF_ROLES
    return ("iam-trust-scoped",) if kind(name) == "trust" else ("resource-policy-not-public",)


BOTH = ("cloudsplaining", "checkov")
# Who differs from us, on which rule, why, and on which policies.
REASONS: list[tuple[tuple[str, ...], str, str, tuple[str, ...]]] = [
    (BOTH, "iam-no-admin", "The action *:* is * to AWS, too; they look for one character.", ("identity-admin-colon",)),
    (
        ("cloudsplaining",),
        "iam-no-admin",
        "It passes over statements with a condition; an administrator with a second factor is one.",
        ("identity-admin-with-mfa",),
    ),
    (
        ("cloudsplaining",),
        "iam-service-wildcard",
        "It takes *:* for a service that is called *.",
        ("identity-admin-colon",),
    ),
    (
        ("cloudsplaining",),
        "iam-service-wildcard",
        "It looks for service:* as it is written; we expand the wildcard.",
        ("identity-service-wildcard-hidden",),
    ),
    (
        ("cloudsplaining",),
        "iam-service-wildcard",
        "A wildcard that takes in the management of permissions is as wide to us as a whole service.",
        ("identity-halves-by-wildcards", "identity-wildcard-in-the-middle", "identity-wildcard-permissions"),
    ),
    (
        BOTH,
        "iam-resource-star",
        "What allows all of a service, or of AWS, or by exclusion, is told by the rule on that and not twice.",
        ("identity-admin", "identity-iam-all", "identity-not-action", "identity-service-wildcard-star"),
    ),
    (
        BOTH,
        "iam-resource-star",
        "They take an ARN for a name; this one reaches every resource of the service.",
        ("identity-every-bucket-by-arn", "identity-every-queue-of-the-account"),
    ),
    (
        BOTH,
        "iam-resource-star",
        "They take every condition for enough; these pick no resource.",
        (
            "identity-every-queue-from-here", "identity-every-tagged-star",
            "identity-pass-any-role-to-functions-service", "identity-pass-any-role-to-monitoring",
        ),
    ),
    (
        BOTH,
        "iam-resource-star",
        "They leave out an action that is denied anywhere; we judge each statement that allows, as the other may go.",
        (
            "identity-attach-and-denied", "identity-attach-and-denied-elsewhere",
            "identity-attach-and-denied-without-mfa",
        ),
    ),
    (
        ("cloudsplaining",),
        "iam-no-not-action",
        "It counts NotAction in a denial, too, where it is the way to deny all but a few.",
        ("identity-denies-regions",),
    ),
    (("cloudsplaining",), "iam-no-not-action", "It does not know NotResource.", ("identity-not-resource",)),
    (
        BOTH,
        "iam-privilege-escalation",
        "Whoever may do everything has nothing to gain; iam-no-admin tells it.",
        ("identity-admin",),
    ),
    (
        BOTH,
        "iam-privilege-escalation",
        "They have no way by it: to assume any role, to run commands on any instance, to have a schedule call AWS.",
        ("identity-assume-any", "identity-shell-on-every-instance", "identity-schedules-with-any-role"),
    ),
    (
        BOTH,
        "iam-privilege-escalation",
        "They take an ARN for a name; this one reaches every role, or the holder itself.",
        ("identity-attach-any", "identity-pass-any-role-by-arn", "identity-put-own-policy"),
    ),
    (
        BOTH,
        "iam-privilege-escalation",
        "They take every condition for enough; this one passes the role to the very service that runs the code.",
        ("identity-pass-any-role-to-functions-service",),
    ),
    (
        BOTH,
        "iam-privilege-escalation",
        "They take every denial for one, also with a condition or of one role only.",
        ("identity-attach-and-denied-elsewhere", "identity-attach-and-denied-without-mfa"),
    ),
    (
        BOTH,
        "iam-trust-scoped",
        "They take every condition for enough; these let anybody through.",
        ("trust-anybody-if-exists", "trust-anybody-with-tls"),
    ),
    (
        ("checkov",),
        "iam-trust-scoped",
        "It refuses every trust in an account; one's own account then says in IAM who may.",
        ("trust-account",),
    ),
    (
        BOTH,
        "resource-policy-not-public",
        "They do not look for a denial to all but who is named.",
        ("s3-perimeter",),
    ),
    (
        ("cloudsplaining",),
        "resource-policy-not-public",
        "It takes every network for somebody's; these two are everybody's.",
        ("s3-half-the-internet",),
    ),
    (
        ("checkov",),
        "resource-policy-not-public",
        "It knows no condition on addresses; this network is an office's.",
        ("s3-office",),
    ),
    (
        ("checkov",),
        "resource-policy-not-public",
        "It takes every aws:SourceArn for enough; anybody can make a topic of this name.",
        ("s3-any-topic",),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("oracle", "says"), [("cloudsplaining", cloudsplainings), ("checkov", checkovs)])
def test_every_difference_to_another_tool_has_a_reason_and_every_reason_a_difference(oracle, says):
    compared = set(OF_ROLES) | set(CHECKS) if oracle == "cloudsplaining" else set(CHECKS)
    different = {(rule, name) for name in POLICIES for rule in (ours(name) ^ says(name)) & compared}
    explained = [(rule, name) for oracles, rule, _, names in REASONS if oracle in oracles for name in names]
    assert len(set(explained)) == len(explained)
    assert sorted(different - set(explained)) == [], "without a reason"
    assert sorted(set(explained) - different) == [], "reasons without a difference"


def test_the_corpus_is_wide_enough_to_differ_in():
    said = {name: (ours(name), cloudsplainings(name), checkovs(name)) for name in POLICIES}
    for rule in (*OF_ROLES, "iam-trust-scoped", "resource-policy-not-public"):
        concerned = [name for name in POLICIES if rule in rules(name)]
        assert any(rule in said[name][0] & said[name][1] for name in concerned), f"nobody but us finds {rule}"
        assert any(not any(rule in one for one in said[name]) for name in concerned), f"nobody passes {rule}"


def test_checkov_was_asked_of_every_policy():
    assert set(CHECKOV["failed"]) == set(POLICIES)
