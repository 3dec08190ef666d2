import pytest
from policy_cases import BY_ID, left_open, make, passes, refused

from policies.model import UNKNOWN, ResourceRule
from policies.rules.logs.retention import RETENTION_DAYS

GROUP = "aws:cloudwatch/logGroup:LogGroup"


def group(days=None, **props):
    return make(GROUP, "jobs", retentionInDays=days, **props)


@pytest.mark.parametrize("days", [None, 0, "0"])
def test_a_log_group_that_keeps_its_events_for_ever_is_refused(days):
    message = refused("log-retention", group(days), minDays=7, maxDays=30)
    assert (
        message == "LogGroup 'jobs' keeps its events for ever: it has no retention. Set retentionInDays to 7, 14 or 30."
    )


@pytest.mark.parametrize("days", RETENTION_DAYS)
def test_retention_must_be_within_the_stacks_bounds(days):
    if 7 <= days <= 90:
        passes("log-retention", group(days), minDays=7, maxDays=90)
    else:
        assert f"keeps its events for {days} days" in refused("log-retention", group(days), minDays=7, maxDays=90)


@pytest.mark.parametrize("days", ["a week", -1, [7], {"days": 7}, True, float("nan")])
def test_a_retention_that_is_no_number_is_refused(days):
    assert "no number of days" in refused("log-retention", group(days))


def test_an_unknown_retention_is_left_to_the_update():
    left_open("log-retention", group(UNKNOWN))


def test_a_class_that_is_always_kept_for_two_days_needs_no_retention():
    passes("log-retention", group(logGroupClass="DELIVERY"))
    refused("log-retention", group(logGroupClass="INFREQUENT_ACCESS"))


@pytest.mark.parametrize(
    ("days", "becomes"),
    [(None, 30), (0, 30), (3653, 30), (1, 7), (3, 7), ("a week", 30), (14, None), (UNKNOWN, None)],
)
def test_the_remedy_is_the_nearest_allowed_retention(days, becomes):
    rule = BY_ID["log-retention"]
    assert isinstance(rule, ResourceRule)
    assert rule.remedy is not None
    changes = rule.remedy(group(days), {"minDays": 7, "maxDays": 30})
    assert changes == ({} if becomes is None else {"retentionInDays": becomes})
    if becomes:
        passes("log-retention", group(becomes), minDays=7, maxDays=30)


def test_bounds_between_which_cloudwatch_has_nothing_are_told_and_not_remedied():
    rule = BY_ID["log-retention"]
    assert isinstance(rule, ResourceRule)
    assert rule.remedy is not None
    assert rule.remedy(group(), {"minDays": 8, "maxDays": 13}) == {}
    assert "from 8 to 13" in refused("log-retention", group(), minDays=8, maxDays=13)
