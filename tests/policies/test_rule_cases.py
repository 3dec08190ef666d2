"""Every rule by its cases, see `rule_cases`."""

from __future__ import annotations

import pytest
from rule_cases import BY_ID, CASES, KINDS, Case, cases

from policies.exemptions import Exemptions, read


@pytest.mark.parametrize("case", [*cases("pass", "fail", "unknown")], ids=str)
def test_a_rule_says_what_is_expected_and_nothing_else(case: Case) -> None:
    assert case.unmet() == []


@pytest.mark.parametrize("case", [*cases("exempt")], ids=str)
def test_what_is_exempt_is_still_found_and_the_exemption_is_needed(case: Case) -> None:
    assert case.unmet() == []
    entries, problems = read([{**one, "expires": str(one["expires"])} for one in case.exemptions], BY_ID)
    assert problems == []
    exemptions = Exemptions(entries, min(one.expires for one in entries))
    assert all(exemptions.of(case.rule, finding) for finding in case.findings())
    assert list(exemptions.complaints()) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", BY_ID)
def test_every_rule_has_cases_of_every_kind(rule: str, kind: str) -> None:
    found = [case for case in cases(kind) if case.rule == rule]
    assert found, f"cases/{rule}/{kind}.yaml"
    if kind == "pass":
        assert not any(case.expected for case in found)
    if kind == "fail":
        assert all("says" in one for case in found for one in case.expected) and all(case.expected for case in found)


def test_every_folder_of_cases_is_of_a_rule() -> None:
    assert {folder.name for folder in CASES.iterdir()} == set(BY_ID)
