from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scaling.decision import Bounds, backlog_per_task, is_stalled, next_desired, tasks_wanted

BOUNDS = Bounds(target=5, minimum=0, maximum=10, cooldown_in=300)


@st.composite
def bounds(draw: st.DrawFn) -> Bounds:
    minimum = draw(st.integers(0, 20))
    return Bounds(
        target=draw(st.one_of(st.integers(1, 1000), st.floats(0.1, 1000))),
        minimum=minimum,
        maximum=draw(st.integers(max(minimum, 1), 200)),
        cooldown_in=draw(st.integers(0, 3600)),
    )


backlogs = st.integers(0, 1_000_000)
counts = st.integers(0, 500)
maybe_groups = st.none() | st.integers(0, 500)
maybe_seconds = st.none() | st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("backlog", "tasks"), [(0, 0), (1, 1), (5, 1), (6, 2), (20, 4), (50, 10), (51, 10), (1_000_000, 10)]
)
def test_each_task_has_at_most_the_target_waiting_until_there_are_no_more_tasks(backlog: int, tasks: int):
    assert tasks_wanted(backlog, BOUNDS) == tasks


@given(backlogs, bounds(), maybe_groups)
def test_the_number_of_tasks_stays_within_its_bounds(backlog: int, bounds: Bounds, groups: int | None):
    assert bounds.minimum <= tasks_wanted(backlog, bounds, groups) <= bounds.maximum


@given(backlogs, backlogs, bounds(), maybe_groups)
def test_more_messages_never_want_fewer_tasks(one: int, other: int, bounds: Bounds, groups: int | None):
    few, many = sorted((one, other))
    assert tasks_wanted(few, bounds, groups) <= tasks_wanted(many, bounds, groups)


@given(st.integers(1, 1_000_000), bounds(), maybe_groups)
@example(1, BOUNDS, 0)
def test_one_message_is_enough_to_wake_a_service_from_zero(backlog: int, bounds: Bounds, groups: int | None):
    assert next_desired(0, backlog, bounds, groups=groups) >= 1


@given(backlogs, bounds(), st.integers(1, 500))
def test_a_fifo_queue_has_no_more_tasks_than_groups_beyond_the_minimum(backlog: int, bounds: Bounds, groups: int):
    assert tasks_wanted(backlog, bounds, groups) <= max(groups, bounds.minimum)
    assert tasks_wanted(backlog, bounds, groups) <= tasks_wanted(backlog, bounds)


@given(counts, st.integers(1, 1_000_000), bounds(), maybe_groups, maybe_seconds)
def test_nothing_scales_in_while_there_are_messages(
    desired: int, backlog: int, bounds: Bounds, groups: int | None, seconds: float | None
):
    assert next_desired(desired, backlog, bounds, groups=groups, empty_seconds=seconds) >= desired


@given(counts, backlogs, bounds(), maybe_groups, maybe_seconds)
def test_a_service_scales_in_to_the_minimum_or_not_at_all(
    desired: int, backlog: int, bounds: Bounds, groups: int | None, seconds: float | None
):
    after = next_desired(desired, backlog, bounds, groups=groups, empty_seconds=seconds)
    assert after >= desired or after == bounds.minimum


@given(counts, bounds(), st.floats(0, 1e6))
def test_a_drained_queue_scales_in_exactly_when_the_cooldown_is_over(desired: int, bounds: Bounds, seconds: float):
    after = next_desired(desired, 0, bounds, empty_seconds=seconds)
    assert after == (bounds.minimum if seconds >= bounds.cooldown_in else max(desired, bounds.minimum))


def test_a_queue_that_has_only_now_been_found_empty_scales_nothing_in():
    at_once = Bounds(target=5, minimum=0, maximum=10, cooldown_in=0)
    assert next_desired(4, 0, at_once, empty_seconds=None) == 4


@given(bounds(), st.integers(0, 2_000), st.integers(1, 50))
def test_every_burst_wakes_drains_and_returns_to_the_minimum(bounds: Bounds, burst: int, speed: int):
    """One round a minute; each task ends `speed` messages in it, and starts working a round after it was asked for."""
    backlog, desired, running, empty_since = burst, 0, 0, None
    peak = math.ceil(burst / speed) + math.ceil(bounds.cooldown_in / 60) + 4
    for minute in range(peak):
        backlog -= min(backlog, running * speed)
        running = desired
        empty_since = None if backlog else (minute if empty_since is None else empty_since)
        seconds = None if empty_since is None else (minute - empty_since) * 60 + 60
        before, desired = desired, next_desired(desired, backlog, bounds, empty_seconds=seconds)
        assert not (desired < before and backlog)
        assert desired <= max(bounds.maximum, before)
    assert (backlog, desired) == (0, bounds.minimum)


@given(backlogs, st.integers(0, 500))
def test_backlog_per_task_is_a_number_even_without_a_task(backlog: int, running: int):
    assert math.isfinite(backlog_per_task(backlog, running))
    assert backlog_per_task(backlog, 0) == backlog_per_task(backlog, 1) == backlog


@pytest.mark.parametrize(
    ("desired", "running", "backlog", "stalled"),
    [(1, 0, 1, True), (0, 0, 1, False), (2, 1, 9, False), (1, 0, 0, False)],
)
def test_a_service_is_stalled_when_tasks_should_run_for_what_waits_and_none_does(
    desired: int, running: int, backlog: int, stalled: bool
):
    assert is_stalled(desired, running, backlog) is stalled
