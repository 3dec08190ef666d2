"""What a rule reads and what it says: resources as plain data, findings, rules with their metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar

T = TypeVar("T")
Config = Mapping[str, Any]

# The advisory policies that tell what a rule cannot judge before the update: of a resource, and of the stack.
UNSETTLED: Final = "settled-at-update"
UNSETTLED_IN_STACK: Final = "settled-at-update-in-stack"
# Those that tell what an exemption covers, and which exemptions have expired or cover nothing.
EXEMPT: Final = "exempt"
EXEMPT_IN_STACK: Final = "exempt-in-stack"
STALE_EXEMPTION: Final = "exemption-is-needed"

AT_UPDATE: Final = "not known before the update runs, and judged then"


class Unknown:
    """A value that is known only when the update runs.

    It has no truth value: a rule that forgets the case fails loudly instead of passing silently.
    """

    def __bool__(self) -> bool:
        raise TypeError("an unknown value has no truth value")

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Resource:
    """One resource of a stack.

    props: inputs in a resource rule, outputs in a stack rule; dicts, lists, strings, numbers, booleans, UNKNOWN.
    dependencies: property → URNs whose outputs it is made of; the engine tells them to stack rules only. The resource's
    own URN stands for whatever it may be, where an export hides the value.
    """

    urn: str
    type: str
    name: str
    # Values may be secrets in plain text: they stay out of every repr, so out of every traceback.
    props: Mapping[str, Any] = field(default_factory=dict, repr=False)
    dependencies: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def get(self, *path: str) -> Any:
        """The value at a path; None where nothing is there, UNKNOWN where the way to it is unknown."""
        value: Any = self.props
        for key in path:
            if value is UNKNOWN or not isinstance(value, Mapping):
                return UNKNOWN if value is UNKNOWN else None
            value = value.get(key)
        return value

    def given(self, name: str) -> Any:
        """The value of an output that the program may have left to the provider.

        At preview such an output is unknown although nobody set it. An input that is unknown always depends on
        a resource, so an unknown without a dependency is one that was not given.
        """
        value = self.get(name)
        return None if value is UNKNOWN and not self.dependencies.get(name) else value

    @property
    def parent_type(self) -> str:
        """Type of the component around it, read from the URN; empty at the top of the stack."""
        qualified = self.urn.split("::")[2:3]
        chain = qualified[0].split("$") if qualified else []
        return chain[-2] if len(chain) > 1 else ""

    def __str__(self) -> str:
        return f"{self.type.rsplit(':', 1)[-1]} '{self.name}'"


@dataclass(frozen=True)
class Stack:
    """Every resource of a stack, for rules that follow links."""

    resources: Sequence[Resource]
    _memo: dict[Callable[..., Any], Any] = field(default_factory=dict, repr=False)

    def of_type(self, *types: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type in types]

    def once(self, build: Callable[[Stack], T]) -> T:
        """`build(self)`, made the first time and kept: an index that every resource of the stack looks things up in."""
        if build not in self._memo:
            self._memo[build] = build(self)
        return self._memo[build]


@dataclass(frozen=True)
class Finding:
    """What a rule has to say about one resource.

    settled: False when the answer depends on a value that is known only at update, where the rule judges it.
    """

    urn: str
    message: str
    settled: bool = True


def refuse(resource: Resource, message: str) -> Finding:
    """The resource breaks the rule. `message` goes on from the resource's name: "has no ..."."""
    return Finding(resource.urn, f"{resource} {message}")


def unsettled(resource: Resource, what: str) -> Finding:
    """`what` ("its retention") hangs on a value that is known only at update."""
    return Finding(resource.urn, f"{resource}: {AT_UPDATE}: {what}.", False)


class Level(StrEnum):
    ADVISORY = "advisory"
    MANDATORY = "mandatory"
    REMEDIATE = "remediate"
    DISABLED = "disabled"


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class OnUnknown(StrEnum):
    """What a rule does with a value that is not known before the update."""

    FAIL = "fail"
    ADVISE = "advise"
    SETTLE = "settle at update"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule's metadata.

    theme: spot, dlq, logs, iam or baseline, which is also the pack of its own that it is in.
    description: what must hold, one sentence; stands above every finding.
    why: what happens otherwise. steps: what to do about a finding.
    on_unknown: what it does with an unknown value; unknown: which values these are, in words.
    references: what asks the same elsewhere, such as "FSBP SQS.1", "CIS AWS Foundations 3.0.0 1.16".
    types: resource types that it looks at.
    parameters: name → JSON schema with `description` and `default`; what a stack may configure.
    """

    id: str
    theme: str
    description: str
    why: str
    steps: str
    unknown: str
    severity: Severity
    types: frozenset[str]
    level: Level = Level.MANDATORY
    on_unknown: OnUnknown = OnUnknown.SETTLE
    references: tuple[str, ...] = ()
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Its section, from the project's folder."""
        return f"policies/RULES.md#{self.id}"

    @property
    def defaults(self) -> dict[str, Any]:
        """The configuration of a stack that configures nothing; the engine fills it in."""
        return {name: schema["default"] for name, schema in self.parameters.items()}


@dataclass(frozen=True, kw_only=True)
class ResourceRule(Rule):
    """Judges one resource by its inputs, before it is created or changed.

    remedy: the properties to set so that the resource complies; used where a stack sets the level `remediate`.
    """

    check: Callable[[Resource, Config], Iterable[Finding]]
    remedy: Callable[[Resource, Config], Mapping[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class StackRule(Rule):
    """Judges one resource of the whole stack, by outputs, when links between resources matter."""

    check: Callable[[Resource, Stack, Config], Iterable[Finding]]
