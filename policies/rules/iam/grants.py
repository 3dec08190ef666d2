"""What policies allow together: statements found by action, less what is denied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from policies.model import UNKNOWN
from policies.rules.iam.actions import is_everything, matching, means
from policies.rules.iam.arns import any_of, reaches
from policies.rules.iam.conditions import Answer, any_true
from policies.rules.iam.statements import Document, Statement


class Grants:
    """What several documents allow their holder; everything: also by the action "*"."""

    def __init__(self, documents: Iterable[Document], *, everything: bool):
        statements = [statement for document in documents for statement in document.statements]
        self._allowing = _ByAction((one for one in statements if one.allows), everything=everything)
        # A condition may or may not hold, so a denial with one is not counted on.
        unconditional = (one for one in statements if not one.allows and one.condition in (None, {}))
        self._denying = _ByAction(unconditional, everything=True)
        self._reached: dict[tuple[int, str], Answer] = {}

    def allow(
        self, action: str, arns: Sequence[str] | None, closed: Callable[[Statement], Answer]
    ) -> tuple[Answer, str]:
        """Whether the action (lower case) is allowed on one of `arns`, or on whatever resource; and by which statement.

        closed: whether a statement's condition takes away what is looked for.
        """
        answer: Answer = False
        if arns is None and self._is_denied_everywhere(action):
            return False, ""
        for statement in self._allowing.of(action):
            reached = any_true(self._open(statement, action, arn) for arn in arns) if arns is not None else True
            shut = closed(statement) if reached is not False else True
            if reached is True and shut is False:
                return True, statement.place
            answer = answer if shut is True else UNKNOWN
        return answer, ""

    def _reaches(self, statement: Statement, arn: str) -> Answer:
        key = (id(statement), arn)
        if key not in self._reached:
            self._reached[key] = _reaches(statement, arn)
        return self._reached[key]

    def _open(self, statement: Statement, action: str, arn: str) -> Answer:
        """Whether the statement allows the action on the resource, and no other denies it."""
        reached = self._reaches(statement, arn)
        denied = False if reached is False else any_true(self._reaches(one, arn) for one in self._denying.of(action))
        if denied is True:
            return False
        return UNKNOWN if denied is UNKNOWN else reached

    def _is_denied_everywhere(self, action: str) -> bool:
        denying = self._denying.of(action)
        arns = [any_of(template) for found in matching(action) for template in found.arns]
        return bool(denying) and all(any_true(self._reaches(one, arn) for one in denying) is True for arn in arns)


def _reaches(statement: Statement, arn: str) -> Answer:
    if "NotResource" in statement.excluding:
        return not any(one is not UNKNOWN and reaches(str(one), arn) for one in statement.not_resources)
    return any_true(UNKNOWN if one is UNKNOWN else reaches(str(one), arn) for one in statement.resources)


class _ByAction:
    """Statements by the actions that they name, so that long documents are read once and not for every question."""

    def __init__(self, statements: Iterable[Statement], *, everything: bool):
        self._named: dict[str, list[Statement]] = {}
        self._wild: list[tuple[str, str, Statement]] = []
        self._excluding: list[Statement] = []
        self._found: dict[str, list[Statement]] = {}
        for statement in statements:
            if "NotAction" in statement.excluding:
                self._excluding.append(statement)
            for action in {str(one).lower() for one in statement.actions if one is not UNKNOWN}:
                if "*" not in action and "?" not in action:
                    self._named.setdefault(action, []).append(statement)
                elif everything or not is_everything(action):
                    self._wild.append((action.partition(":")[0], action, statement))

    def of(self, action: str) -> Sequence[Statement]:
        """The statements that mean the action (lower case)."""
        if action not in self._found:
            self._found[action] = list(self._of(action))
        return self._found[action]

    def _of(self, action: str) -> Iterator[Statement]:
        yield from self._named.get(action, ())
        service = action.partition(":")[0]
        for start, pattern, statement in self._wild:
            # The service's name seldom has a wildcard, and comparing it is much faster than matching.
            if (start == service or "*" in start or "?" in start) and means(pattern, action):
                yield statement
        for statement in self._excluding:
            if not any(one is not UNKNOWN and means(str(one), action) for one in statement.not_actions):
                yield statement
