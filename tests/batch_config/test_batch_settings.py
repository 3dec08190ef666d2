import pytest

from components.batch_settings import Batch, BatchAlarms, BatchQueue, Shares


def test_a_stack_that_says_nothing_has_one_queue_for_its_batch_workers(settings) -> None:
    batch = settings().batch
    assert batch == Batch(max_vcpus=256, queues={}, alarms=BatchAlarms())
    assert dict(batch.for_workers) == {"standard": BatchQueue()}
    assert batch.alarms.queue_wait_seconds == 900
    assert batch.alarms.success_rate == 0.95


def test_every_key_is_read(settings) -> None:
    batch = settings(
        "{maxVcpus: 64, queues: {urgent: {priority: 100}, standard: {priority: 10, maxVcpus: 32, compute: fargate, "
        "shares: {weights: {reports: 1, 'tenant*': 0.5}, decaySeconds: 3600, reservation: 10}}, large: {compute: ec2, "
        "architecture: x86_64, instanceFamilies: [c7i, m6a], allocation: SPOT_CAPACITY_OPTIMIZED, onDemand: true}}, "
        "alarms: {queueWaitSeconds: 60, successRate: 1, durationShare: 0.5, memoryShare: 0.8, costPerJob: 0.25}}"
    ).batch
    shares = Shares(weights={"reports": 1.0, "tenant*": 0.5}, decay_seconds=3600, reservation=10)
    assert batch.max_vcpus == 64
    assert batch.for_workers["urgent"] == BatchQueue(priority=100)
    assert batch.for_workers["standard"] == BatchQueue(priority=10, max_vcpus=32, shares=shares)
    large = batch.for_workers["large"]
    assert (large.compute, large.architecture, large.families) == ("ec2", "x86_64", ("c7i", "m6a"))
    assert (large.allocation, large.on_demand) == ("SPOT_CAPACITY_OPTIMIZED", True)
    assert batch.alarms == BatchAlarms(
        queue_wait_seconds=60, success_rate=1.0, duration_share=0.5, memory_share=0.8, cost_per_job=0.25
    )


@pytest.mark.parametrize(("architecture", "families"), [("arm64", "g"), ("x86_64", "i")])
def test_instances_have_families_of_their_architecture_by_themselves(architecture: str, families: str) -> None:
    queue = BatchQueue(compute="ec2", architecture=architecture)
    assert queue.families == (f"c7{families}", f"m7{families}", f"r7{families}")


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        ("{compute: [fargate, ec2]}", "compute: must be one of fargate and ec2: AWS Batch refuses a queue of both"),
        ("{compute: spot}", "compute: 'spot' is not allowed; allowed: fargate, ec2"),
        ("{priority: 1001}", "priority: must be at most 1000, not 1001"),
        ("{maxVcpus: 0}", "maxVcpus: must be at least 1, not 0"),
        ("{onDemand: true}", "onDemand: has a meaning only with compute 'ec2'"),
        ("{architecture: arm64}", "architecture: has a meaning only with compute 'ec2'"),
        ("{instanceFamilies: [c7g]}", "instanceFamilies: has a meaning only with compute 'ec2'"),
        ("{compute: ec2, instanceFamilies: []}", "instanceFamilies: is an empty list; leave the key out"),
        ("{compute: ec2, instanceFamilies: [c7h]}", "'c7h' is not a family that this platform knows; nearest: 'c7g'"),
        ("{compute: ec2, instanceFamilies: [m7i]}", "'m7i' is not of the architecture arm64; nearest: 'm7g'"),
        ("{compute: ec2, allocation: BEST_FIT}", "allocation: 'BEST_FIT' is not allowed; allowed: SPOT_PRICE_CAPACITY"),
        ("{minVcpus: 1}", "minVcpus: is not a known key; nearest: 'maxVcpus'"),
        ("{shares: {weights: {a-b: 1}}}", "a-b: is not a share identifier: 1 to 255 letters and digits"),
        ("{shares: {weights: {'a*b': 1}}}", "a*b: is not a share identifier"),
        ("{shares: {weights: {a: 1000}}}", "weights.a: must be at most 999.9999, not 1000"),
        ("{shares: {weights: {a: 0}}}", "weights.a: must be at least 0.0001, not 0"),
        ("{shares: {weights: {'a*': 1, ab: 2}}}", "weights: has 'a*' and 'ab', which AWS Batch refuses"),
        ("{shares: {decaySeconds: 604801}}", "decaySeconds: must be at most 604800, not 604801"),
        ("{shares: {reservation: 100}}", "reservation: must be at most 99, not 100"),
    ],
)  # fmt: skip
def test_what_batch_would_refuse_is_refused_with_the_reason(problems, queue: str, expected: str) -> None:
    [problem] = problems(f"{{queues: {{standard: {queue}}}}}")
    assert problem.startswith("Pulumi.dev.yaml:3: serverless-batch:batch.queues.standard")
    assert expected in problem


@pytest.mark.parametrize("name", ["Large", "a_b", "-a", "a--b", "1st", "a" * 41])
def test_a_queues_name_is_one(problems, name: str) -> None:
    [problem] = problems(f"{{queues: {{standard: {{}}, {name}: {{}}}}}}")
    assert f"batch.queues.{name}: is not a queue's name: lower-case letters, digits and dashes, at most 40" in problem


def test_a_queues_name_must_not_sound_like_an_environment_on_spot(problems) -> None:
    [problem] = problems("{queues: {standard: {}, my-spot: {}}}")
    assert "batch.queues.my-spot: has 'spot' in it, by which environments on Spot are told from others" in problem


def test_shares_may_begin_alike_without_a_star(settings) -> None:
    queue = settings("{queues: {standard: {shares: {weights: {a: 1, ab: 2, 'b*': 3}}}}}").batch.for_workers["standard"]
    assert queue.shares is not None
    assert queue.shares.weights == {"a": 1.0, "ab": 2.0, "b*": 3.0}
