from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from scaling.catalogue import QueueWorker
from scaling.memory import WAKE_SECONDS, Memory

NOW = 1_750_000_000.7
SPOT = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]


def test_one_caller_in_five_seconds_wakes_the_service(memory: Memory, worker: QueueWorker):
    assert memory.may_wake(worker, 3, NOW)
    assert not any(memory.may_wake(worker, wanted, NOW + 1) for wanted in (1, 2, 3, 4, 5))
    assert memory.may_wake(worker, 1, NOW + WAKE_SECONDS)


def test_a_caller_that_wants_twice_as_many_tasks_need_not_wait(memory: Memory, worker: QueueWorker):
    burst = [wanted for wanted in range(1, 11) for _ in range(20)]
    assert [wanted for wanted in burst if memory.may_wake(worker, wanted, NOW)] == [1, 2, 4, 8, 10]


def test_workers_do_not_share_what_is_remembered(memory: Memory, worker: QueueWorker):
    assert memory.may_wake(worker, 3, NOW)
    assert memory.may_wake(replace(worker, name="other"), 3, NOW)


def test_a_queue_stays_empty_since_it_was_first_found_so(memory: Memory, worker: QueueWorker):
    memory.queue_is_empty(worker, NOW)
    memory.queue_is_empty(worker, NOW + 60)
    assert memory.recall(worker).empty_since == int(NOW)
    memory.queue_is_used(worker)
    assert memory.recall(worker).empty_since is None


@pytest.mark.parametrize("use", [lambda m, w: m.may_wake(w, 1, NOW), lambda m, w: m.add_groups(w, {"a"})])
def test_what_is_sent_ends_the_count_and_forbids_to_scale_in(memory: Memory, worker: QueueWorker, use):
    memory.queue_is_empty(worker, NOW)
    use(memory, worker)
    assert memory.recall(worker).empty_since is None
    assert not memory.may_scale_in(worker, NOW)


def test_scaling_in_is_allowed_for_the_count_that_was_seen_and_no_other(memory: Memory, worker: QueueWorker):
    memory.queue_is_empty(worker, NOW)
    assert not memory.may_scale_in(worker, NOW - 60)
    assert memory.may_scale_in(worker, NOW)


def test_groups_are_counted_once_and_only_up_to_the_number_of_tasks(memory: Memory, worker: QueueWorker):
    assert memory.add_groups(worker, {"uploads/a", "uploads/b"}) == 2
    assert memory.add_groups(worker, {"uploads/a"}) == 2
    assert memory.add_groups(worker, {f"uploads/{n}" for n in range(9)}) == 11
    assert memory.add_groups(worker, {"uploads/more"}) is None
    assert memory.recall(worker).groups == 11


def test_groups_are_forgotten_when_the_service_scales_in(memory: Memory, worker: QueueWorker):
    memory.add_groups(worker, {"uploads/a", "uploads/b"})
    memory.queue_is_empty(worker, NOW)
    memory.may_scale_in(worker, NOW)
    assert memory.recall(worker).groups == 0


def test_the_declared_capacity_is_kept_until_the_service_has_it_again(memory: Memory, worker: QueueWorker):
    memory.service_stalls(worker, NOW)
    assert memory.goes_on_demand(worker, SPOT, NOW + 60)
    assert not memory.goes_on_demand(worker, [], NOW + 120)
    past = memory.recall(worker)
    assert (past.on_demand_since, past.declared_strategy, past.stalled_since) == (int(NOW) + 60, SPOT, None)
    memory.is_as_declared(worker)
    assert memory.recall(worker).on_demand_since is None


def test_errors_of_the_table_come_through(worker: QueueWorker):
    dynamodb: Any = boto3.resource("dynamodb")
    elsewhere = Memory(dynamodb.meta.client, "nowhere")
    with pytest.raises(ClientError):
        elsewhere.may_wake(worker, 1, NOW)
