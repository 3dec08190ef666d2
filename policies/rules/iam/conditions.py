"""Whether a statement's Condition really narrows it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Unknown
from policies.values import as_list

Answer = bool | Unknown

# Operators that fail when the key is missing. Those with IfExists, ForAllValues and the negated ones let it through.
NARROWING = frozenset(
    f"{prefix}{name}"
    for prefix in ("", "foranyvalue:")
    for name in ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike")
)
NEGATED = frozenset(
    f"{name}{end}"
    for name in (
        "stringnotequals",
        "stringnotequalsignorecase",
        "stringnotlike",
        "arnnotequals",
        "arnnotlike",
        "notipaddress",
    )
    for end in ("", "ifexists")
)
# Keys that say who asks or where from, by what their values are. Source: AWS global condition context keys, IAM user
# guide; "The meaning of public", Amazon S3 user guide.
ARN_KEYS = frozenset({"aws:principalarn", "aws:sourcearn", "s3:dataaccesspointarn"})
ID_KEYS = frozenset({
    "aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceaccount", "aws:sourceorgid",
    "aws:sourceorgpaths", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce", "aws:userid", "aws:vpceaccount",
    "aws:vpceorgid", "aws:vpceorgpaths", "kms:calleraccount", "s3:dataaccesspointaccount",
})  # fmt: skip
# A service-linked role is that of its service.
RESOURCE_KEYS = frozenset({"ecs:cluster", "iam:awsservicename", "kms:resourcealiases"})
ADDRESS_KEYS = frozenset({"aws:sourceip", "aws:vpcsourceip"})
FLAGS = frozenset({"aws:principalisawsservice", "aws:viaawsservice", "elasticfilesystem:accessedviamounttarget"})
WIDEST = {4: 8, 6: 32}  # shortest prefix of a network that is somebody's, by version


def narrows(
    condition: Any,
    on: Callable[[str], bool],
    to: Callable[[str], bool],
    operators: Collection[str] = NARROWING,
) -> Answer:
    """Whether some key that `on` accepts (lower case) is limited to values that `to` accepts.

    UNKNOWN if a value that decides is unknown.
    """
    if condition is UNKNOWN:
        return UNKNOWN
    answer: Answer = False
    for operator, keys in condition.items() if isinstance(condition, Mapping) else ():
        if str(operator).lower() not in operators:
            continue
        if keys is UNKNOWN:
            answer = UNKNOWN
            continue
        for key, value in keys.items() if isinstance(keys, Mapping) else ():
            if not on(str(key).lower()):
                continue
            accepted = _all_accepted(as_list(value), to)
            if accepted is True:
                return True
            answer = UNKNOWN if accepted is UNKNOWN else answer
    return answer


def asks_who(condition: Any) -> Answer:
    """Whether a Condition limits who may ask, or from where, to somebody or somewhere named."""
    return any_true([
        narrows(condition, ARN_KEYS.__contains__, pinned_arn),
        narrows(condition, ID_KEYS.__contains__, pinned_id),
        narrows(condition, ADDRESS_KEYS.__contains__, _somebodys_network, ("ipaddress", "foranyvalue:ipaddress")),
        narrows(condition, FLAGS.__contains__, "true".__eq__, ("bool",)),
    ])  # fmt: skip


def spares_only_named(condition: Any) -> Answer:
    """Whether a Condition of a denial lets through only who is named: StringNotEquals, aws:PrincipalOrgID, ...

    What AWS's services do by themselves may be let through besides. Without a condition it lets nobody through.
    """
    if condition is None or condition is UNKNOWN:
        return True if condition is None else UNKNOWN
    answers: list[Answer] = [isinstance(condition, Mapping)]
    for operator, keys in condition.items() if isinstance(condition, Mapping) else ():
        answers.append(UNKNOWN if keys is UNKNOWN else isinstance(keys, Mapping))
        for key, value in keys.items() if isinstance(keys, Mapping) else ():
            answers.append(_spares(str(operator).lower(), str(key).lower(), as_list(value)))
    if any(answer is False for answer in answers):
        return False
    return UNKNOWN if UNKNOWN in answers else True


def _spares(operator: str, key: str, values: list[Any]) -> Answer:
    if operator in ("bool", "boolifexists"):
        return key in FLAGS
    tests = {ARN_KEYS: pinned_arn, ID_KEYS: pinned_id, ADDRESS_KEYS: _somebodys_network}
    return operator in NEGATED and any_true(_all_accepted(values, to) for keys, to in tests.items() if key in keys)


def any_true(answers: Iterable[Answer]) -> Answer:
    result: Answer = False
    for answer in answers:
        if answer is True:
            return True
        result = UNKNOWN if answer is UNKNOWN else result
    return result


def is_resource_key(key: str) -> bool:
    """Condition keys that pick the resources as an ARN would."""
    return key in RESOURCE_KEYS or key.partition(":")[2].startswith("resourcetag/")


def named(value: str) -> bool:
    """More than wildcards."""
    return bool(value.strip("*?"))


def pinned_arn(value: str) -> bool:
    """Whether an ARN with wildcards is somebody's: it has an account, or the name of a bucket, which has none."""
    parts = value.split(":", 5)
    if len(parts) < 6:
        return False
    service, account, name = parts[2], parts[4], parts[5]
    if account and _is_literal(account):
        return True
    return (not account or service == "s3") and bool(name) and _is_literal(name[0])


def pinned_id(value: str) -> bool:
    """Whether an account, organisation, network or user is one: "o-example/*" is, "o-*" is not."""
    return bool(value) and (_is_literal(value) or re.match(r"\w+(-[^*?]|:)", value) is not None)


def _is_literal(text: str) -> bool:
    return "*" not in text and "?" not in text


def _somebodys_network(value: str) -> bool:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return network.prefixlen >= WIDEST[network.version]


def _all_accepted(values: list[Any], to: Callable[[str], bool]) -> Answer:
    if UNKNOWN in values:
        return UNKNOWN
    texts = [str(one).lower() if isinstance(one, bool) else one for one in values]
    return bool(texts) and all(isinstance(one, str) and to(one) for one in texts)
