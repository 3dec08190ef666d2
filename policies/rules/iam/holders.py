"""Whose policies are whose: the documents of each role, user and group of a stack, inline and attached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.model import UNKNOWN, Resource, Stack
from policies.rules.iam.statements import POLICY, ROLE, Document, attached, read
from policies.values import as_list

USER, GROUP = "aws:iam/user:User", "aws:iam/group:Group"
KINDS = {ROLE: "role", USER: "user", GROUP: "group"}
BOUNDARY = "permissionsBoundary"
HERSELF = "user/${aws:username}"  # how a user's policies, or those of her groups, name her
# Type → which properties name those that it is for, of which type they are, and where their policy stands.
INLINE = {
    "aws:iam/rolePolicy:RolePolicy": ("role", ROLE),
    "aws:iam/userPolicy:UserPolicy": ("user", USER),
    "aws:iam/groupPolicy:GroupPolicy": ("group", GROUP),
}
ATTACHED = {
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ((("role", ROLE),), "policyArn"),
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": ((("user", USER),), "policyArn"),
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": ((("group", GROUP),), "policyArn"),
    "aws:iam/policyAttachment:PolicyAttachment": (
        (("roles", ROLE), ("users", USER), ("groups", GROUP)),
        "policyArn",
    ),
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": ((("roleName", ROLE),), "policyArns"),
    "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive": ((("userName", USER),), "policyArns"),
    "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive": ((("groupName", GROUP),), "policyArns"),
    ROLE: ((), "managedPolicyArns"),
}
# Type → where it names users, and where their groups.
MEMBERSHIPS = {
    "aws:iam/groupMembership:GroupMembership": ("users", "group"),
    "aws:iam/userGroupMembership:UserGroupMembership": ("user", "groups"),
}


@dataclass(frozen=True)
class Holder:
    """Who holds policies: a role, user or group, or a policy by itself that nobody in the stack holds.

    own: how policies name it and its policies, from the sixth part of an ARN on.
    limits: documents of its permissions boundary, if it has one that this stack declares.
    made_by_aws: names of the policies made by AWS that it has besides.
    """

    documents: tuple[Document, ...]
    own: frozenset[str]
    limits: tuple[Document, ...] | None = None
    made_by_aws: tuple[str, ...] = ()


class Holders:
    """The holders of a stack."""

    def __init__(self, stack: Stack):
        self._by_urn = {one.urn: one for one in stack.resources if one.type in (*KINDS, POLICY)}
        self._by_name = {(one.type, one.get("name")): one for one in self._by_urn.values() if _text(one.get("name"))}
        self._by_arn = {one.get("arn"): one for one in self._by_urn.values() if _text(one.get("arn"))}
        self._policies: dict[str, list[Resource]] = {}
        """URN of a role, user or group → what holds a document of it."""
        self._made_by_aws: dict[str, list[str]] = {}
        """URN of a role, user or group → names of the policies made by AWS that it has."""
        self._groups: dict[str, list[Resource]] = {}
        """URN of a user → the groups that she is in."""
        self._placed: set[str] = set()
        """URNs of documents that belong to somebody in the stack."""
        self._read: dict[str, Document] = {}
        for resource in stack.resources:
            for place, kind in (INLINE[resource.type],) if resource.type in INLINE else ():
                self._give(self._linked(resource, place, kind), [resource])
            places, policy = ATTACHED.get(resource.type, ((), ""))
            holders = [one for place, kind in places for one in self._linked(resource, place, kind)]
            if resource.type in KINDS:  # a boundary allows nothing by itself
                self._placed |= {one.urn for one in self._linked(resource, BOUNDARY, POLICY)}
            if resource.type in MEMBERSHIPS:
                users, groups = MEMBERSHIPS[resource.type]
                for user in self._linked(resource, users, USER):
                    self._groups.setdefault(user.urn, []).extend(self._linked(resource, groups, GROUP))
            if policy:
                holders = [resource] if resource.type == ROLE else holders
                self._give(holders, self._linked(resource, policy, POLICY))
                for holder in holders:
                    self._made_by_aws.setdefault(holder.urn, []).extend(attached(resource))

    def holder(self, resource: Resource) -> Holder | None:
        """What the resource holds; None for a document that is judged with whom it belongs to."""
        if resource.type not in KINDS:
            placed = resource.urn in self._placed
            return None if placed else Holder((self._document(resource),), _names(resource) | {HERSELF})
        around = [one for one in (resource, *self._groups.get(resource.urn, ())) if self._policies.get(one.urn)]
        if len(around) == 1:
            around = [resource]  # what a group has by itself is told of the group
        policies = [one for holder in around for one in self._policies.get(holder.urn, [])]
        inline = as_list(resource.given("inlinePolicies"))
        documents = [self._document(one) for one in policies]
        documents += [
            read(f"inline policy {index}", one["policy"] if isinstance(one, Mapping) else one)
            for index, one in enumerate(inline, 1)
            if not isinstance(one, Mapping) or one.get("policy") is not None
        ]
        own = frozenset(name for one in (resource, *policies) for name in _names(one))
        own |= {HERSELF} if resource.type != ROLE else frozenset()
        boundary = self._linked(resource, BOUNDARY, POLICY)
        limits = tuple(self._document(one) for one in boundary) or None
        return Holder(tuple(documents), own, limits, tuple(self._made_by_aws.get(resource.urn, ())))

    def _document(self, resource: Resource) -> Document:
        if resource.urn not in self._read:  # several roles may hold one policy
            self._read[resource.urn] = read(f"the policy of {resource}", resource.get("policy"))
        return self._read[resource.urn]

    def _give(self, holders: Iterable[Resource], policies: Iterable[Resource]) -> None:
        for holder in holders:
            for policy in policies:
                self._policies.setdefault(holder.urn, []).append(policy)
                self._placed.add(policy.urn)

    def _linked(self, resource: Resource, place: str, kind: str) -> list[Resource]:
        """The resources of a kind that a property means, by name, ARN or dependency."""
        value = resource.given(place)
        found = []
        for one in as_list(value):
            if isinstance(one, str):
                found.append(self._by_arn.get(one) or self._by_name.get((kind, one)))
            elif one is UNKNOWN:
                found += [self._by_urn.get(urn) for urn in sorted(resource.dependencies.get(place, ()))]
        return list({one.urn: one for one in found if one and one.type == kind}.values())


def _names(resource: Resource) -> frozenset[str]:
    """How policies name it: "role/path/name"."""
    kind = KINDS.get(resource.type) or ("policy" if resource.type == POLICY else "")
    arn, name, path = resource.get("arn"), resource.get("name"), resource.get("path")
    names = {arn.split(":", 5)[5]} if kind and _text(arn) and arn.count(":") >= 5 else set()
    if kind and _text(name):
        names.add(f"{kind}{path if _text(path) else '/'}{name}")
    return frozenset(names)


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
