"""Fair share: who has used little is next."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from batch_cloud import BatchCloud
from botocore.exceptions import ClientError

from sandbox.compute.batch.declared import SharePolicy
from sandbox.compute.batch.fair_share import Shares

pytestmark = pytest.mark.xdist_group("sandbox-batch")

SHARE_A, SHARE_B = ({"shareIdentifier": name, "schedulingPriorityOverride": 0} for name in "ab")


@dataclass(frozen=True)
class Waiting:
    share: str
    order: int
    priority: int = 0


def policy(reservation: float = 0, decay: float = 600, **weights: float) -> SharePolicy:
    named = {name.replace("_", "*"): weight for name, weight in weights.items()}
    return SharePolicy("p", "arn", reservation, decay, named, {})


def test_who_runs_less_is_next_and_within_a_share_priority_and_then_arrival_decide() -> None:
    shares = Shares(policy())
    shares.started("a", 2, 0)
    jobs = [Waiting("a", 0), Waiting("b", 1), Waiting("b", 2, priority=5), Waiting("b", 3)]
    assert [job.order for job in shares.next(jobs, 0)] == [2, 1, 3, 0]  # type: ignore[attr-defined]


def test_a_share_of_half_the_weight_gets_twice_as_much() -> None:
    shares = Shares(policy(light=0.5))
    counts = {"light": 0, "heavy": 0}
    for turn in range(30):
        [job, _] = shares.next([Waiting("heavy", 0), Waiting("light", 1)], 0)
        counts[job.share] += 1
        shares.started(job.share, 1, 0)
        assert turn < 30
    assert counts == {"light": 20, "heavy": 10}


def test_a_weight_with_an_asterisk_is_for_all_that_begin_so_and_others_have_one() -> None:
    weights = policy(tenant_=2)
    assert [weights.weight(name) for name in ("tenantA", "tenant", "other")] == [2, 2, 1]


def test_what_a_share_has_used_counts_less_the_longer_ago_it_is() -> None:
    shares = Shares(policy(decay=600))
    shares.started("a", 4, 0)
    shares.ended("a", 4, 1200)
    shares.started("b", 1, 1200)
    assert shares.use("a", 1200) > shares.use("b", 1200)  # b runs, a has used much
    assert shares.use("a", 6000) < shares.use("b", 6000)


def test_a_part_is_held_back_for_shares_that_are_not_active_and_less_the_more_there_are() -> None:
    shares = Shares(policy(reservation=50))
    assert [shares.available(16, set("abc"[:count])) for count in range(4)] == [16, 8, 12, 14]


def test_in_the_sandbox_a_share_that_comes_late_does_not_wait_for_all_of_the_others_jobs(cloud: BatchCloud) -> None:
    share = cloud.create(
        "aws:batch/schedulingPolicy:SchedulingPolicy", "fair",
        fairSharePolicy={"shareDecaySeconds": 600.0, "computeReservation": 0.0,
                         "shareDistributions": [{"shareIdentifier": "a", "weightFactor": 1.0}]},
    )  # fmt: skip
    cloud.queue("shared", cloud.environment("few", max_vcpus=1.0), policy=share["arn"])
    with pytest.raises(ClientError, match="ShareIdentifier must be specified"):
        cloud.submit(queue="shared")
    with pytest.raises(ClientError, match="schedulingPriorityOverride should be specified"):
        cloud.submit(queue="shared", shareIdentifier="a")
    gate = cloud.gate()
    jobs = [cloud.submit("busy", queue="shared", **SHARE_A, env={"WAIT": gate.path})]
    gate.wait_for_job()
    jobs += [cloud.submit(f"a{n}", queue="shared", **SHARE_A) for n in range(3)]
    jobs += [cloud.submit("b", queue="shared", **SHARE_B)]
    gate.open()
    for job in jobs:
        assert cloud.end(job)["status"] == "SUCCEEDED"
    assert cloud.began()[:2] == ["busy", "b"]
    [described] = cloud.batch.describe_scheduling_policies(arns=[share["arn"]])["schedulingPolicies"]
    assert described["fairsharePolicy"]["shareDistribution"][0]["weightFactor"] == 1


def test_a_reservation_leaves_room_that_one_share_alone_does_not_get(cloud: BatchCloud) -> None:
    share = cloud.create(
        "aws:batch/schedulingPolicy:SchedulingPolicy", "fair", fairSharePolicy={"computeReservation": 50.0}
    )
    cloud.queue("shared", cloud.environment("few", max_vcpus=2.0), policy=share["arn"])
    gates = [cloud.gate(), cloud.gate()]
    first = cloud.submit("a0", queue="shared", **SHARE_A, env={"WAIT": gates[0].path})
    gates[0].wait_for_job()
    second = cloud.submit("a1", queue="shared", **SHARE_A, env={"WAIT": gates[1].path})
    elsewhere = cloud.submit("elsewhere")
    cloud.end(elsewhere)  # so there has been a round
    assert cloud.status(second) == "RUNNABLE"
    gates[0].open()
    gates[1].wait_for_job()
    gates[1].open()
    assert [cloud.end(job)["status"] for job in (first, second)] == ["SUCCEEDED"] * 2
