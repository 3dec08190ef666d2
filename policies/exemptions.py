"""What a stack may break for a while: which rule, on which resources, why, who answers for it, and until when."""

from __future__ import annotations

import datetime as dt
import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.model import Finding
from policies.words import nearest

FEWEST_CHARACTERS = 20  # of a reason: "legacy" and "see ticket" are none
FIELDS = ("rule", "urn", "reason", "owner", "expires")


@dataclass(frozen=True)
class Exemption:
    """rule: its id. urn: pattern of resources, with `*` and `?`. expires: the last day on which it holds."""

    rule: str
    urn: str
    reason: str
    owner: str
    expires: dt.date

    def covers(self, rule: str, urn: str) -> bool:
        return rule == self.rule and fnmatch.fnmatchcase(urn, self.urn)

    @property
    def terms(self) -> str:
        """Who answers for it, until when and why."""
        return f"{self.owner}, until {self.expires}: {self.reason.rstrip('.')}"

    def __str__(self) -> str:
        return f"{self.rule} on {self.urn}"


class Exemptions:
    """The exemptions of a stack, while its rules are evaluated: what they cover, and which of them were of use.

    today: by whose date they expire.
    """

    def __init__(self, exemptions: Iterable[Exemption] = (), today: dt.date | None = None):
        self._all = tuple(exemptions)
        self._today = today or dt.datetime.now(dt.UTC).date()
        self._used: set[Exemption] = set()

    def of(self, rule: str, finding: Finding) -> Exemption | None:
        """The exemption that covers a finding of a rule, if there is one that holds."""
        for one in self._all:
            if one.covers(rule, finding.urn):
                self._used.add(one)  # also one that has expired: it is told as that
                if one.expires >= self._today:
                    return one
        return None

    def covers(self, rule: str, urn: str) -> bool:
        """Whether one that holds would cover what the rule finds there."""
        return any(one.covers(rule, urn) and one.expires >= self._today for one in self._all)

    def complaints(self) -> Iterator[str]:
        """Of those that have expired, and those that nothing needed, since this was last asked."""
        used, self._used = self._used, set()
        for one in self._all:
            if one.expires < self._today:
                yield f"The exemption from {one} ({one.owner}) has expired on {one.expires}. Mend what it covered."
            elif one not in used:
                yield f"The exemption from {one} ({one.owner}) covers nothing that the rule finds. Take it out."


def told(exemption: Exemption, finding: Finding) -> str:
    """How a finding that is exempt is told."""
    return f"{finding.message} Exempt from {exemption.rule} ({exemption.terms})."


def read(entries: Any, rules: Iterable[str]) -> tuple[list[Exemption], list[str]]:
    """The exemptions of a configuration, and everything that is wrong with them; rules: ids of those there are."""
    if not isinstance(entries, list):
        return [], ["exemptions: must be a list"]
    known, found, problems = set(rules), [], []
    for number, entry in enumerate(entries):
        wrong = list(_problems(entry, known))
        problems += [f"exemptions.{number}{text}" for text in wrong]
        if not wrong:
            found.append(Exemption(**{**entry, "expires": dt.date.fromisoformat(entry["expires"])}))
    return found, problems


def _problems(entry: Any, rules: set[str]) -> Iterator[str]:
    if not isinstance(entry, Mapping):
        yield f": must be an object of {', '.join(FIELDS)}"
        return
    for key in entry:
        if key not in FIELDS:
            yield f".{key}: there is no such field{nearest(key, FIELDS)}"
    for field in FIELDS:
        value = entry.get(field)
        if not isinstance(value, str) or not value.strip():
            yield f".{field}: is missing, or no text"
        elif field == "rule" and value not in rules:
            yield f".rule: there is no rule {value!r}{nearest(value, rules)}"
        elif field == "urn" and not value.startswith(("urn:", "*", "?", "[")):
            yield f".urn: {value!r} matches no URN, all of which begin with urn:pulumi:; did you mean *::{value}?"
        elif field == "reason" and len(value.strip()) < FEWEST_CHARACTERS:
            yield f".reason: says why in {FEWEST_CHARACTERS} characters or more"
        elif field == "expires" and not _is_date(value):
            yield f".expires: {value!r} is no date such as 2027-03-31"


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
