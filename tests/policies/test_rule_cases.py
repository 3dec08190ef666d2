"""Every rule by its cases, see `rule_cases`."""

from __future__ import annotations

import pytest
from rule_cases import BY_ID, CASES, KINDS, Case, cases


@pytest.mark.parametrize("case", [*cases("pass", "fail", "unknown")], ids=str)
def test_a_rule_says_what_is_expected_and_nothing_else(case: Case) -> None:
    assert case.unmet() == []


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
