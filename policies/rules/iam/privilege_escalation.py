"""`iam-privilege-escalation`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, refuse, unsettled
from policies.rules.iam.actions import glob
from policies.rules.iam.arns import NOBODY, any_of, reaches
from policies.rules.iam.conditions import Answer, any_true, is_resource_key, named, narrows
from policies.rules.iam.escalations import ESCALATIONS, ON_ONESELF, ON_OTHERS, PASS_ROLE, Escalation
from policies.rules.iam.grants import Grants
from policies.rules.iam.holders import KINDS, Holder, Holders
from policies.rules.iam.statements import DOCUMENTS, Statement, open_questions

SHOWN = 3  # ways in a message; the others are counted
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def check(resource: Resource, stack: Stack, _config: Config) -> Iterable[Finding]:
    holder = stack.once(Holders).holder(resource)
    if holder is None:
        return
    yield from open_questions(resource, holder.documents)
    judge = _Judge(holder)
    answers = [(one, *judge.answer(one)) for one in ESCALATIONS]
    found = _smallest([(one, places) for one, answer, places in answers if answer is True])
    if found:
        ways = "; ".join(
            f"{' and '.join(one.actions)} ({', '.join(places)}) let it {one.gain}" for one, places in found[:SHOWN]
        )
        more = f"; and {len(found) - SHOWN} more ways" if len(found) > SHOWN else ""
        yield refuse(
            resource,
            f"can gain permissions that nobody gave it: {ways}{more}. Name in Resource what is meant, and for "
            "iam:PassRole the roles and, with the condition iam:PassedToService, who takes them.",
        )
    elif undecided := [one for one, answer, _ in answers if answer is UNKNOWN]:
        yield unsettled(resource, f"whether {' and '.join(undecided[0].actions)} let it gain other permissions")


class _Judge:
    """What one holder's permissions lead to."""

    def __init__(self, holder: Holder):
        self._own = holder.own
        self._grants = Grants(holder.documents, everything=False)
        self._limits = Grants(holder.limits, everything=True) if holder.limits else None
        self._known: dict[tuple[str, tuple[str, ...]], tuple[Answer, str]] = {}

    def answer(self, escalation: Escalation) -> tuple[Answer, list[str]]:
        """Whether all that it needs is allowed, and by which statements."""
        result: Answer = True
        places: list[str] = []
        for action in escalation.actions:
            key = (action, escalation.passed_to if action == PASS_ROLE else ())
            if key not in self._known:
                self._known[key] = self._allowed(*key)
            answer, place = self._known[key]
            if answer is False:
                return False, []
            result = answer if answer is UNKNOWN else result
            places += [place] if place not in places else []
        return result, places

    def _allowed(self, action: str, passed_to: tuple[str, ...]) -> tuple[Answer, str]:
        result: tuple[Answer, str] = (True, "")
        for arns in self._needed(action):
            answer, place = self._grants.allow(action.lower(), arns, lambda one: _closed(one, action, passed_to))
            if answer is not False and self._limits is not None:
                within, _ = self._limits.allow(action.lower(), arns, lambda _: False)
                answer = within if within is not True else answer
            if answer is False:
                return False, ""
            result = (answer, place) if result[0] is True else result
        return result

    def _needed(self, action: str) -> Sequence[Sequence[str] | None]:
        """Resources to reach: of each group one; None for whatever resource."""
        if kind := ON_ONESELF.get(action):
            own = [f"arn:aws:iam::{NOBODY}:{name}" for name in self._own if name.startswith(f"{kind}/")]
            return [[any_of(f"arn:aws:iam::*:{kind}/*"), *own]]
        others = ON_OTHERS.get(action)
        return [[any_of(arn)] for arn in others] if others else [None]


def _closed(statement: Statement, action: str, passed_to: tuple[str, ...]) -> Answer:
    """Whether the statement's condition keeps the action from leading further."""
    condition = statement.condition
    if action == PASS_ROLE:
        elsewhere = narrows(condition, "iam:passedtoservice".__eq__, lambda to: not _any_glob(to.lower(), passed_to))
        return any_true([elsewhere, narrows(condition, is_resource_key, named)])
    if action in ON_OTHERS:
        return narrows(condition, is_resource_key, named)
    if action not in ON_ONESELF:
        return False
    return any_true(
        [
            narrows(condition, is_resource_key, named),
            narrows(condition, "iam:permissionsboundary".__eq__, named),
            narrows(condition, "iam:policyarn".__eq__, _is_harmless),
        ]
    )


def _any_glob(pattern: str, texts: Iterable[str]) -> bool:
    return any(glob(pattern, text) for text in texts)


def _is_harmless(policy: str) -> bool:
    """Whether a pattern of policies takes in neither all permissions nor any policy of the account."""
    return not glob(policy, ADMINISTRATOR) and not reaches(policy, f"arn:aws:iam::{NOBODY}:policy/{NOBODY}")


def _smallest(found: list[tuple[Escalation, list[str]]]) -> list[tuple[Escalation, list[str]]]:
    """Without those that need more than another does."""
    needs = [set(one.actions) for one, _ in found]
    return [way for way, need in zip(found, needs, strict=True) if not any(other < need for other in needs)]


RULE = StackRule(
    id="iam-privilege-escalation",
    theme="iam",
    description="No role, user or group can gain further permissions with those that all its policies give it.",
    why="Some permissions together are as good as all: whoever may pass any role to a function and invoke it may do "
    "what any role may. No policy by itself shows it when the actions stand in several.",
    steps="Name in `Resource` of iam:PassRole the roles, with the condition iam:PassedToService, and of the other "
    "actions what they are for. Of what changes permissions, take out the actions, or add a condition on "
    "iam:PermissionsBoundary. A `permissions_boundary` that the same stack declares counts.",
    unknown="A document or an action that is unknown at preview is advised of and settled at update. Inline policies "
    "and attachments are found by name, ARN or dependency. Policies made by AWS are not read: iam-no-admin and "
    "iam-service-wildcard know them by name. A permissions boundary from elsewhere cannot be read and does not count.",
    severity=Severity.CRITICAL,
    types=frozenset(KINDS) | DOCUMENTS,
    references=("checkov CKV_AWS_286",),
    check=check,
)
