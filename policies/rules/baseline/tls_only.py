"""`tls-only`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, Unknown, refuse, unsettled
from policies.rules.baseline.links import meant
from policies.rules.iam.statements import Statement, read
from policies.values import as_list

QUEUE, QUEUE_POLICY = "aws:sqs/queue:Queue", "aws:sqs/queuePolicy:QueuePolicy"
BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
# Type of a policy → the property that says whose it is, the types that can have one.
POLICIES = {QUEUE_POLICY: ("queueUrl", (QUEUE,)), BUCKET_POLICY: ("bucket", BUCKETS)}
SECURE = "aws:securetransport"


@dataclass
class Policies:
    """The policies of a stack's queues and buckets. unplaced: types of those of which it is open whose they are."""

    of: dict[str, list[Any]] = field(default_factory=dict)
    unplaced: set[str] = field(default_factory=set)

    @staticmethod
    def read(stack: Stack) -> Policies:
        found = Policies()
        for resource in stack.of_type(*BUCKETS, QUEUE):
            document = resource.given("policy")
            if document not in (None, ""):
                found.of.setdefault(resource.urn, []).append(document)
        for type_, (name, owners) in POLICIES.items():
            candidates = stack.of_type(*owners)
            for policy in stack.of_type(type_):
                owner = meant(policy.get(name), policy, name, candidates)
                if isinstance(owner, Unknown):
                    found.unplaced |= set(owners)
                elif owner:
                    found.of.setdefault(owner.urn, []).append(policy.get("policy"))
        return found


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    policies = stack.once(Policies.read)
    documents = [read("its policy", document) for document in policies.of.get(resource.urn, [])]
    statements = [statement for document in documents for statement in document.statements]
    denied = [arn for statement in statements if _denies_plain(statement) for arn in statement.resources]
    covered = {part for arn in denied for part in _parts(arn)}
    if covered == {"itself", "objects"} or (denied and resource.type == QUEUE):
        return
    unknown = UNKNOWN in denied or any(document.unknown for document in documents)
    if resource.type in policies.unplaced or unknown:
        yield unsettled(resource, "whether its policy refuses what comes without TLS")
        return
    what = "a policy that lets requests in" if documents else "no policy, so it takes requests"
    where = "" if resource.type == QUEUE else ", on the bucket and on all its objects"
    yield refuse(
        resource,
        f"has {what} without TLS. Deny everybody everything in its policy where aws:SecureTransport is false{where}.",
    )


def _denies_plain(statement: Statement) -> bool:
    return (
        not statement.allows
        and not statement.excluding
        and _everybody(statement.principal)
        and any(isinstance(action, str) and action.lower() in ("*", "s3:*", "sqs:*") for action in statement.actions)
        and _is_only_for_plain(statement.condition)
    )


def _parts(arn: str | Unknown) -> Iterator[str]:
    """What a Resource means of a bucket: itself, which is listed, or all its objects."""
    if isinstance(arn, str):
        name, slash, key = arn.split(":", 5)[-1].partition("/")
        if not slash:
            yield "itself"
        if key == "*" or (not slash and name.endswith("*")):
            yield "objects"


def _everybody(principal: Any) -> bool:
    return "*" in as_list(principal.get("AWS") if isinstance(principal, Mapping) else principal)


def _is_only_for_plain(condition: Any) -> bool:
    """Whether nothing else has to be true: a second condition would let some plain requests in."""
    if not isinstance(condition, Mapping) or len(condition) != 1:
        return False
    [(operator, keys)] = condition.items()
    if str(operator).lower() not in ("bool", "boolifexists") or not isinstance(keys, Mapping) or len(keys) != 1:
        return False
    [(key, value)] = keys.items()
    return str(key).lower() == SECURE and [str(one).lower() for one in as_list(value) if one is not UNKNOWN] == [
        "false"
    ]


RULE = StackRule(
    id="tls-only",
    theme="baseline",
    description="A bucket and a queue refuse what comes without TLS.",
    why="S3 and SQS also listen to plain HTTP. A client with a wrong address sends its data, and what it is allowed "
    "to do with it, for everybody on the way to read.",
    steps="Give it an `aws.s3.BucketPolicy` or `aws.sqs.QueuePolicy` with a statement that denies everybody s3:* "
    "(on the bucket and its objects) or sqs:* under the condition Bool aws:SecureTransport false.",
    unknown="Whose a policy is that is unknown at preview is told by the property's dependency; otherwise, and where "
    "the document is unknown, the rule advises and settles it at update.",
    references=("FSBP S3.5", "CIS AWS Foundations 3.0.0 2.1.1", "cdk-nag AwsSolutions-SQS4", "checkov CKV_AWS_379"),
    severity=Severity.MEDIUM,
    types=frozenset({QUEUE, *BUCKETS}),
    check=check,
)
