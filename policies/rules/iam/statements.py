"""The statements of whatever holds IAM policy: documents of resources, and the plain inputs of our role component."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.model import UNKNOWN, Finding, Resource, Unknown, unsettled
from policies.values import as_list

ROLE = "aws:iam/role:Role"
ROLE_COMPONENT = "serverless-batch:permissions:Role"
# Types that hold one policy document in `policy`.
POLICY = "aws:iam/policy:Policy"
DOCUMENTS = frozenset({
    "aws:iam/rolePolicy:RolePolicy", POLICY, "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
})  # fmt: skip
HOLDERS = DOCUMENTS | {ROLE, ROLE_COMPONENT}

# Type → where it names policies to attach.
ATTACHMENTS = {
    ROLE: "managedPolicyArns",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "policyArn",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": "policyArn",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": "policyArn",
    "aws:iam/policyAttachment:PolicyAttachment": "policyArn",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": "policyArns",
    "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive": "policyArns",
    "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive": "policyArns",
}
WORDS = ("action", "notaction", "resource", "notresource")  # elements that are texts or lists of them
TWICE = "stands there twice, so that it is open which of the two counts"
AWS_MANAGED = re.compile(r"arn:aws[a-z-]*:iam::aws:policy/(?:.*/)?([\w+=,.@-]+)")

UNKNOWN_TEXT = (
    "A document, a statement or an action that is unknown at preview is advised of and settled at update. Documents "
    f"below a {ROLE_COMPONENT} are read from the statements that it hands to the engine, which are known at preview "
    "also where an ARN is not. An attached policy whose ARN is unknown is one that the update creates, and is judged "
    "by its own document."
)


@dataclass(frozen=True)
class Statement:
    """One statement. place: where it stands, for people: "statement 2 of its policy"."""

    place: str
    allows: bool
    actions: tuple[str | Unknown, ...]
    resources: tuple[str | Unknown, ...]
    condition: Any
    principal: Any
    excluding: tuple[str, ...]
    """Which of NotAction, NotResource and NotPrincipal it has."""
    not_actions: tuple[str | Unknown, ...] = ()
    not_resources: tuple[str | Unknown, ...] = ()


@dataclass(frozen=True)
class Document:
    """A policy document. problems: why it or parts of it cannot be read. unknown: which parts are unknown yet."""

    name: str
    statements: tuple[Statement, ...] = ()
    problems: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def permissions(resource: Resource) -> list[Document]:
    """What the resource allows and denies its holder."""
    if resource.type == ROLE_COMPONENT:
        return [_handed_over(resource, "statements", "its permissions")]
    if resource.type in DOCUMENTS:
        return _read_unless_handed_over(resource, "policy", resource.get("policy"))
    inline = resource.get("inlinePolicies")
    if inline is UNKNOWN:
        return _read_unless_handed_over(resource, "inlinePolicies", UNKNOWN)
    return [
        document
        for index, item in enumerate(as_list(inline), 1)
        for document in _inline(resource, f"inline policy {index}", item)
    ]


def trust(resource: Resource) -> list[Document]:
    """Who may assume the role."""
    if resource.type == ROLE_COMPONENT:
        return [_handed_over(resource, "trust", "its trust")]
    if resource.type == ROLE:
        return _read_unless_handed_over(resource, "trust policy", resource.get("assumeRolePolicy"))
    return []


def allowing(documents: Iterable[Document]) -> Iterator[Statement]:
    return (statement for document in documents for statement in document.statements if statement.allows)


def open_questions(resource: Resource, documents: Iterable[Document]) -> Iterator[Finding]:
    """One finding for each part that is unknown; every rule asks the same, so that they can be told as one."""
    for document in documents:
        yield from (unsettled(resource, part) for part in document.unknown)
        for statement in document.statements:
            if statement.allows and UNKNOWN in statement.actions:
                yield unsettled(resource, f"an action in {statement.place}")


def attached(resource: Resource) -> Iterator[str]:
    """Names of the policies made by AWS that the resource attaches."""
    name = ATTACHMENTS.get(resource.type)
    for arn in as_list(resource.get(name)) if name else []:
        managed = AWS_MANAGED.fullmatch(arn) if isinstance(arn, str) else None
        if managed:
            yield managed[1]


def _handed_over(resource: Resource, key: str, name: str) -> Document:
    value = resource.get(key)
    if value is None:
        return Document(name, problems=(f"does not hand {name} to the engine as its input {key}",))
    return _read_statements(name, value)


def _read_unless_handed_over(resource: Resource, name: str, value: Any) -> list[Document]:
    if value is UNKNOWN and resource.parent_type == ROLE_COMPONENT:
        return []
    return [read(f"its {name}", value)]


def _inline(resource: Resource, name: str, item: Any) -> list[Document]:
    if isinstance(item, Mapping):
        # An inline policy without a document removes all others: it allows nothing.
        return _read_unless_handed_over(resource, name, item["policy"]) if item.get("policy") is not None else []
    return _read_unless_handed_over(resource, name, item)


def read(name: str, value: Any) -> Document:
    """A policy document, given as a JSON text or as data. name: for people, "its policy"."""
    try:
        document = json.loads(value, object_pairs_hook=_once_each) if isinstance(value, str) else value
    except _Repeated:
        return Document(name, problems=(f"has a policy document with an element that {TWICE} ({name})",))
    except (ValueError, RecursionError):
        document = None
    if document is UNKNOWN:
        return Document(name, unknown=(name,))
    if not isinstance(document, Mapping):
        return Document(name, problems=(f"has a policy document that is no JSON object ({name})",))
    return _read_statements(name, _lower(document).get("statement"))


class _Repeated(Exception):
    """A JSON object has a key twice."""


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key.lower() for key, _ in pairs}) < len(pairs):
        raise _Repeated
    return dict(pairs)


def _read_statements(name: str, value: Any) -> Document:
    if value is UNKNOWN:
        return Document(name, unknown=(name,))
    if value is None or not isinstance(value, list | Mapping):
        return Document(name, problems=(f"has a policy document without statements ({name})",))
    statements: list[Statement] = []
    problems: list[str] = []
    unknown: list[str] = []
    for index, item in enumerate(as_list(value), 1):
        place = f"statement {index} of {name}"
        if item is UNKNOWN:
            unknown.append(place)
            continue
        problem = _problem(item)
        if problem:
            problems.append(f"has {place} that {problem}")
        else:
            statements.append(_statement(place, _lower(item)))
    return Document(name, tuple(statements), tuple(problems), tuple(unknown))


def _problem(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return "is no JSON object"
    element = _lower(item)
    if len(element) < len(item):
        return f"has an element that {TWICE}"
    effect = element.get("effect")
    if effect is not UNKNOWN and str(effect).lower() not in ("allow", "deny"):
        return "neither allows nor denies"
    if "action" not in element and "notaction" not in element:
        return "names no action"
    words = [word for name in WORDS for word in as_list(element.get(name))]
    if not all(word is UNKNOWN or isinstance(word, str) for word in words):
        return "has an action or a resource that is no text"
    return None


def _statement(place: str, element: Mapping[str, Any]) -> Statement:
    excluding = {"notaction": "NotAction", "notresource": "NotResource", "notprincipal": "NotPrincipal"}
    return Statement(
        place=place,
        allows=str(element.get("effect")).lower() != "deny",  # an unknown effect may allow
        actions=tuple(as_list(element.get("action"))),
        resources=tuple(as_list(element.get("resource"))),
        condition=element.get("condition"),
        principal=element.get("principal"),
        excluding=tuple(word for key, word in excluding.items() if key in element),
        not_actions=tuple(as_list(element.get("notaction"))),
        not_resources=tuple(as_list(element.get("notresource"))),
    )


def _lower(element: Mapping[str, Any]) -> dict[str, Any]:
    """Elements by lower-case name, so that no spelling slips through."""
    return {str(key).lower(): value for key, value in element.items()}
