"""The sandbox's clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from sandbox.clock import Clock


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock(0)
    yield clock
    clock.close()


def test_a_step_runs_what_is_due_on_the_way_in_order_and_at_its_instant(clock: Clock) -> None:
    start, seen = clock.now(), []
    clock.every(60, lambda: seen.append(("minute", clock.now() - start)))
    clock.after(90, lambda: seen.append(("once", clock.now() - start)))
    clock.step(130)
    assert [(name, round(at)) for name, at in seen] == [("minute", 60), ("once", 90), ("minute", 120)]
    assert clock.now() - start == pytest.approx(130)


def test_what_an_action_adds_is_run_in_the_same_step(clock: Clock) -> None:
    seen: list[float] = []
    clock.after(10, lambda: clock.after(10, lambda: seen.append(clock.now())))
    start = clock.now()
    clock.step(30)
    assert seen == [pytest.approx(start + 20)]


def test_full_minutes_are_full_minutes(clock: Clock) -> None:
    seen: list[float] = []
    clock.every(60, lambda: seen.append(clock.now()), aligned=True)
    clock.step(120)
    assert len(seen) == 2
    assert [at % 60 for at in seen] == [0, 0]


def test_a_clock_that_stands_still_runs_nothing_by_itself(clock: Clock) -> None:
    ran = threading.Event()
    before = clock.now()
    clock.after(0.001, ran.set)
    assert not ran.wait(0.05)
    assert clock.now() == before


def test_a_hurried_clock_runs_an_hour_in_a_moment(clock: Clock) -> None:
    ran = threading.Event()
    clock.after(3600, ran.set)
    clock.factor = 1_000_000
    assert ran.wait(5)


def test_a_hurried_clock_waits_for_slow_actions_and_skips_none(clock: Clock) -> None:
    instants: list[float] = []
    enough = threading.Event()

    def slow() -> None:
        instants.append(clock.now())
        time.sleep(0.01)  # ten "seconds" at this factor
        if len(instants) == 3:
            enough.set()

    clock.every(1, slow)
    clock.factor = 1000
    assert enough.wait(5)
    assert [round(later - one) for one, later in pairwise(instants)][:2] == [1, 1]


def test_an_action_that_fails_stops_nothing(clock: Clock) -> None:
    seen: list[int] = []
    clock.after(1, lambda: 1 / 0)
    clock.after(2, lambda: seen.append(1))
    clock.step(3)
    assert seen == [1]


def test_real_time_is_kept_until_it_is_hurried_or_stepped() -> None:
    clock = Clock()
    done = threading.Event()

    def slow() -> None:
        time.sleep(0.05)
        done.set()

    clock.after(0.01, slow)
    assert done.wait(5)
    assert clock.now() == pytest.approx(time.time(), abs=0.03)
    clock.close()
