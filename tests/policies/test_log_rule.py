"""What rules about logs put in where a stack sets the level `remediate`."""

import pytest
from policy_cases import BY_ID, make, passes

from policies.model import UNKNOWN, Resource, ResourceRule
from policies.rules.logs.retention import RETENTION_DAYS

GROUP, CLUSTER = "aws:cloudwatch/logGroup:LogGroup", "aws:eks/cluster:Cluster"


def remedied(rule_id: str, resource: Resource, **config: object) -> object:
    rule = BY_ID[rule_id]
    assert isinstance(rule, ResourceRule)
    assert rule.remedy is not None
    return rule.remedy(resource, rule.defaults | config)


def group(days=None, **props):
    return make(GROUP, "jobs", retentionInDays=days, **props)


@pytest.mark.parametrize("days", RETENTION_DAYS)
def test_every_retention_that_cloudwatch_knows_is_known(days):
    passes("log-retention", group(days), minDays=days, maxDays=days)


@pytest.mark.parametrize(
    ("days", "becomes"),
    [(None, 30), (0, 30), (3653, 30), (1, 7), (3, 7), ("a week", 30), (14, None), (UNKNOWN, None)],
)
def test_the_remedy_is_the_nearest_allowed_retention(days, becomes):
    changes = remedied("log-retention", group(days), minDays=7, maxDays=30)
    assert changes == ({} if becomes is None else {"retentionInDays": becomes})
    if becomes:
        passes("log-retention", group(becomes), minDays=7, maxDays=30)


def test_bounds_between_which_cloudwatch_has_nothing_are_not_remedied():
    assert remedied("log-retention", group(), minDays=8, maxDays=13) == {}


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        (None, ["api", "audit"]),
        ([], ["api", "audit"]),
        (["scheduler", "audit"], ["scheduler", "audit", "api"]),
        (["audit", "api"], None),
        (UNKNOWN, None),
        (["audit", UNKNOWN], None),
    ],
)
def test_a_clusters_logs_that_are_missing_are_added_to_those_it_has(given, becomes):
    changes = remedied("eks-control-plane-logs", make(CLUSTER, enabledClusterLogTypes=given), kinds=["api", "audit"])
    assert changes == ({} if becomes is None else {"enabledClusterLogTypes": becomes})
