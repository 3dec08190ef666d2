"""What a stack may break for a while, and how that is told."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pulumi_aws as aws
import pytest
from policy_program import record

from policies.exemptions import Exemption, Exemptions, read
from policies.model import EXEMPT, EXEMPT_IN_STACK, STALE_EXEMPTION, Finding
from policies.settings import ConfigError, StackConfig, load
from sandbox.analyzer import Violation, analyze

TODAY = dt.date(2026, 6, 1)
GOOD = {
    "rule": "sqs-dlq",
    "urn": "*::legacy-*",
    "reason": "moves to the new platform with the next release",
    "owner": "team-data",
    "expires": "2999-12-31",
}


def exemption(**changes: str) -> Exemption:
    [found], problems = read([{**GOOD, **changes}], ["sqs-dlq", "log-retention"])
    assert problems == []
    return found


def queues() -> None:
    aws.sqs.Queue("legacy-orders", sqs_managed_sse_enabled=True)
    aws.sqs.Queue("new-orders", sqs_managed_sse_enabled=True)


def about(violations: list[Violation], policy: str, level: str) -> list[tuple[str, str]]:
    return [(v.urn.rpartition("::")[2], v.message) for v in violations if (v.policy, v.level) == (policy, level)]


@pytest.mark.parametrize("preview", [True, False])
def test_only_what_it_covers_is_exempt_and_it_is_told(preview: bool) -> None:
    violations = analyze(record(queues, preview=preview), StackConfig(exemptions=(exemption(),)))
    assert [name for name, _ in about(violations, "sqs-dlq", "mandatory")] == ["new-orders"]
    [(name, message)] = about(violations, EXEMPT_IN_STACK, "advisory")
    assert name == "legacy-orders"
    assert message.startswith("Queue 'legacy-orders' has no dead-letter queue")
    assert message.endswith(
        " Exempt from sqs-dlq (team-data, until 2999-12-31: moves to the new platform with the next release)."
    )
    assert about(violations, STALE_EXEMPTION, "advisory") == []


def test_of_a_rule_for_single_resources_too_and_it_is_not_put_right() -> None:
    def groups() -> None:
        aws.cloudwatch.LogGroup("legacy-log", retention_in_days=0)

    config = StackConfig({"log-retention": "remediate"}, (exemption(rule="log-retention"),))
    violations = analyze(record(groups, preview=False), config)
    assert about(violations, "log-retention", "remediate") == about(violations, "log-retention", "mandatory") == []
    assert [name for name, _ in about(violations, EXEMPT, "advisory")] == ["legacy-log"]


def test_one_that_has_expired_covers_nothing_and_says_so() -> None:
    exemptions = Exemptions([exemption(expires="2026-05-31")], TODAY)
    assert exemptions.of("sqs-dlq", Finding("urn::legacy-orders", "…")) is None
    [complaint] = exemptions.complaints()
    assert complaint.startswith("The exemption from sqs-dlq on *::legacy-* (team-data) has expired on 2026-05-31.")


def test_it_holds_on_its_last_day() -> None:
    exemptions = Exemptions([exemption(expires="2026-06-01")], TODAY)
    assert exemptions.of("sqs-dlq", Finding("urn::legacy-orders", "…"))


def test_one_that_nothing_needs_is_told() -> None:
    violations = analyze(record(queues, preview=False), StackConfig(exemptions=(exemption(urn="*::nobody"),)))
    [(_, message)] = about(violations, STALE_EXEMPTION, "advisory")
    assert (
        message
        == "The exemption from sqs-dlq on *::nobody (team-data) covers nothing that the rule finds. Take it out."
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rule": "sqs-dql"}, "exemptions.0.rule: there is no rule 'sqs-dql'; did you mean sqs-dlq?"),
        ({"reason": "legacy"}, "exemptions.0.reason: says why in 20 characters or more"),
        ({"urn": "legacy-x"}, "exemptions.0.urn: 'legacy-x' matches no URN, all of which begin with urn:pulumi:"),
        ({"owner": " "}, "exemptions.0.owner: is missing, or no text"),
        ({"expires": "soon"}, "exemptions.0.expires: 'soon' is no date such as 2027-03-31"),
        ({"expire": "2027-01-01"}, "exemptions.0.expire: there is no such field; did you mean expires?"),
    ],
)
def test_one_that_cannot_be_used_is_refused(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"exemptions": [{**GOOD, **changes}]}))
    with pytest.raises(ConfigError) as error:
        load("s", tmp_path)
    assert said in str(error.value)


@pytest.mark.parametrize("entries", [{}, [3]])
def test_exemptions_of_another_shape_are_refused(tmp_path: Path, entries: object) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"exemptions": entries}))
    with pytest.raises(ConfigError, match=r"exemptions(: must be a list|\.0: must be an object)"):
        load("s", tmp_path)
