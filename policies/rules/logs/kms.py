"""`log-kms`."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from policies.model import UNKNOWN, Config, Finding, Level, Resource, ResourceRule, Severity, refuse, unsettled
from policies.rules.logs.retention import GROUP


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    if resource.get("kmsKeyId") not in (None, ""):
        return  # one that is unknown was given
    # A group without a name of its own gets one that begins with its prefix, or with its logical name.
    given = [value for value in map(resource.get, ("name", "namePrefix")) if value not in (None, "")]
    name = [*given, resource.name][0]
    if name is UNKNOWN and config["names"] and "*" not in config["names"]:
        yield unsettled(resource, "whether its name is among those that need a key")
    elif any(one == "*" or fnmatch.fnmatchcase(str(name), one) for one in config["names"]):
        yield refuse(
            resource,
            "is encrypted with a key of AWS: whoever may read the group reads all, and nothing shows who has. Set "
            "kmsKeyId to the ARN of a key whose policy lets CloudWatch Logs use it.",
        )


RULE = ResourceRule(
    id="log-kms",
    theme="logs",
    description="A log group whose events are confidential is encrypted with a key of the account.",
    why="CloudWatch Logs encrypts every group with a key of its own. Only with one of the account's can reading be "
    "forbidden by the key's policy, be seen in CloudTrail, and be ended for all copies at once. A key costs about a "
    "dollar a month, so a stack names the groups that are worth it.",
    steps="Declare an `aws.kms.Key` whose policy lets `logs.REGION.amazonaws.com` use it, and set `kms_key_id` of the "
    "`aws.cloudwatch.LogGroup`.",
    unknown="A key that is unknown at preview was given. Advises when the group's name is unknown and only some need "
    "a key; settled at update.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    references=("checkov CKV_AWS_158", "cdk-nag NIST.800.53.R5-CloudWatchLogGroupEncrypted"),
    types=frozenset({GROUP}),
    parameters={
        "names": {
            "type": "array", "items": {"type": "string"}, "default": ["*audit*", "*confidential*"],
            "description": "Patterns, with `*` and `?`, of the names of groups that need a key.",
        },
    },
    check=check,
)  # fmt: skip
