"""Jobs that wait for others."""

from __future__ import annotations

from itertools import pairwise

import pytest
from batch_cloud import BatchCloud

from tests.waiting import until

pytestmark = pytest.mark.xdist_group("sandbox-batch")


def test_a_job_waits_pending_until_all_that_it_depends_on_have_succeeded(cloud: BatchCloud) -> None:
    gate = cloud.gate()
    first, array = cloud.submit("first", env={"WAIT": gate.path}), cloud.submit("array", arrayProperties={"size": 2})
    last = cloud.submit("last", dependsOn=[{"jobId": first}, {"jobId": array}])
    gate.wait_for_job()
    cloud.end(array)
    assert cloud.status(last) == "PENDING"
    gate.open()
    assert cloud.end(last)["status"] == "SUCCEEDED"
    assert cloud.began()[-1] == "last"


def test_what_depends_on_a_job_that_fails_for_good_fails_with_batchs_reason(cloud: BatchCloud) -> None:
    first = cloud.submit("first", env={"EXIT": 64})
    second = cloud.submit("second", dependsOn=[{"jobId": first}])
    array = cloud.submit("array", dependsOn=[{"jobId": second}], arrayProperties={"size": 2})
    for job in (second, array, f"{array}:1"):
        ended = cloud.end(job)
        assert (ended["status"], ended["statusReason"]) == ("FAILED", "Dependent Job failed")
    assert cloud.began() == ["first"]
    late = cloud.submit("late", dependsOn=[{"jobId": first}])
    assert cloud.end(late)["statusReason"] == "Dependent Job failed"


def test_the_parts_of_a_sequential_array_run_one_after_the_other(cloud: BatchCloud) -> None:
    array = cloud.submit("array", arrayProperties={"size": 3}, dependsOn=[{"type": "SEQUENTIAL"}])
    assert cloud.end(array)["status"] == "SUCCEEDED"
    assert cloud.began() == ["array:0", "array:1", "array:2"]
    children = [cloud.job(f"{array}:{index}") for index in range(3)]
    for before, after in pairwise(children):
        assert before["stoppedAt"] <= after["startedAt"]


def test_n_to_n_parts_wait_for_the_same_part_only(cloud: BatchCloud) -> None:
    gate = cloud.gate()
    first = cloud.submit("first", arrayProperties={"size": 3}, env={"WAIT_I0": gate.path, "EXIT_I1": 64})
    second = cloud.submit("second", arrayProperties={"size": 3}, dependsOn=[{"jobId": first, "type": "N_TO_N"}])
    gate.wait_for_job()
    assert cloud.end(f"{second}:2")["status"] == "SUCCEEDED"
    assert cloud.end(f"{second}:1")["statusReason"] == "Dependent Job failed"
    assert cloud.status(f"{second}:0") == "PENDING"
    gate.open()
    assert cloud.end(second)["statusReason"] == "Array Child Job failed"
    assert cloud.job(f"{second}:0")["status"] == "SUCCEEDED"


def test_n_to_n_is_between_arrays_of_the_same_size(cloud: BatchCloud) -> None:
    first = cloud.submit("first", arrayProperties={"size": 2})
    dependency = [{"jobId": first, "type": "N_TO_N"}]
    with pytest.raises(cloud.batch.exceptions.ClientException, match="same size"):
        cloud.submit("second", arrayProperties={"size": 3}, dependsOn=dependency)


def test_an_array_whose_parts_fail_does_not_let_those_go_that_wait_for_the_whole(cloud: BatchCloud) -> None:
    array = cloud.submit("array", arrayProperties={"size": 2}, env={"EXIT_I0": 64})
    merge = cloud.submit("merge", dependsOn=[{"jobId": array}])
    assert cloud.end(merge)["statusReason"] == "Dependent Job failed"
    until(lambda: sorted(cloud.began()) == ["array:0", "array:1"])
