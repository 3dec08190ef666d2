"""What is reported, whoever evaluated the rules: this project's sandbox, or the Pulumi command line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from policies.model import EXEMPT, EXEMPT_IN_STACK, Rule
from policies.places import Place, place
from policies.rules import BY_ID

MANDATORY, ADVISORY = "mandatory", "advisory"
LEVELS = (MANDATORY, "remediate", ADVISORY)  # the weightiest first
_EXEMPT = re.compile(r"(.*) Exempt from ([a-z0-9-]+) \((.*)\)\.", re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """policy: a rule's id, or of a policy that tells of the rules. level: "mandatory" refuses the stack.

    urn: empty for the stack as a whole. phases: in which it was said. exemption: who left it out, until when and why.
    """

    policy: str
    level: str
    urn: str
    message: str
    phases: tuple[str, ...] = ()
    place: Place | None = None
    exemption: str = ""

    @property
    def rule(self) -> Rule | None:
        return BY_ID.get(self.policy)

    @property
    def resource(self) -> str:
        """Logical name, or "stack"."""
        return self.urn.rpartition("::")[2] or "stack"

    @property
    def type(self) -> str:
        return self.urn.rpartition("::")[0].rpartition("::")[2].rpartition("$")[2]


def entries(project: Path, said: Iterable[Entry]) -> list[Entry]:
    """Each once, with its place and the rule that it is exempt from; what refuses comes first."""
    found: dict[tuple[str, str, str, str], Entry] = {}
    for one in map(_of_its_rule, said):
        key = (one.policy, one.level, one.urn, one.message)
        before = found.get(key)
        phases = (*before.phases, *(p for p in one.phases if p not in before.phases)) if before else one.phases
        found[key] = replace(one, phases=phases, place=place(project, one.urn))
    return sorted(found.values(), key=lambda one: (LEVELS.index(one.level), one.policy, one.urn, one.message))


def refused(said: Iterable[Entry]) -> list[Entry]:
    return [one for one in said if one.level == MANDATORY]


def _of_its_rule(entry: Entry) -> Entry:
    """A finding that is exempt is told by another policy; in a report it is its rule's."""
    match = _EXEMPT.fullmatch(entry.message) if entry.policy in (EXEMPT, EXEMPT_IN_STACK) else None
    if match is None:
        return entry
    return replace(entry, policy=match[2], exemption=match[3], message=match[1])
