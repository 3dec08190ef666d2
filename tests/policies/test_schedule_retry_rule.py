import pytest
from policy_cases import left_open, make, passes, refused

from policies.model import UNKNOWN

RULE, SCHEDULE = "schedule-retry", "aws:scheduler/schedule:Schedule"


def schedule(age=3600, attempts=10, **target):
    policy = {"maximumEventAgeInSeconds": age, "maximumRetryAttempts": attempts}
    return make(SCHEDULE, "report", target={"arn": "a", "retryPolicy": policy} | target)


@pytest.mark.parametrize(("age", "attempts"), [(60, 1), (3600, 185), ("3600", "10")])
def test_a_schedule_that_says_how_long_it_is_tried_passes(age, attempts):
    passes(RULE, schedule(age, attempts))


@pytest.mark.parametrize("policy", [None, {}, {"maximumRetryAttempts": 3}, {"maximumEventAgeInSeconds": 60}])
def test_without_a_retry_policy_a_run_may_start_a_day_late(policy):
    message = refused(RULE, schedule(retryPolicy=policy))
    assert message.startswith("Schedule 'report' does not say how often and for how long it is tried")
    assert "Set maximumRetryAttempts and maximumEventAgeInSeconds in target.retryPolicy." in message


def test_one_try_is_not_enough():
    assert "is not tried again: a moment's refusal by its target costs a run" in refused(RULE, schedule(attempts=0))


def test_a_stack_says_how_late_a_run_may_start():
    assert "may start 7200 s after it was due, and at most 3600 s are allowed" in refused(RULE, schedule(7200))
    passes(RULE, schedule(7200), maxAgeSeconds=7200)


@pytest.mark.parametrize(
    "resource",
    [make(SCHEDULE, target=UNKNOWN), schedule(retryPolicy=UNKNOWN), schedule(age=UNKNOWN), schedule(attempts=UNKNOWN)],
)
def test_what_is_unknown_is_left_to_the_update(resource):
    left_open(RULE, resource)
