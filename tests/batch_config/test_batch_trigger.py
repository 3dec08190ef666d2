import pytest
from batch_project import MANIFEST, QUEUES, trigger_of

TIERS = "[{up_to: 100 MB, vcpu: 0.5, memory: 1 GB}, {up_to: 1 GB, vcpu: 1, memory: 4 GB}, {vcpu: 4, memory: 16 GB}]"


def test_the_short_form_is_a_job_of_the_queue_standard_with_the_workers_resources(settings) -> None:
    trigger = trigger_of(settings(manifest=MANIFEST.replace("{batch: {}}", "batch")))
    assert (trigger.queue, trigger.array, trigger.tiers, trigger.share) == ("standard", 1, (), None)


def test_a_full_trigger_is_read_as_it_stands(settings) -> None:
    tiers = TIERS.replace("memory: 16 GB", "memory: 40 GB, queue: large")
    trigger = trigger_of(settings(QUEUES, f"{{queue: urgent, array: 10000, share: reports, tiers: {tiers}}}"))
    assert (trigger.queue, trigger.array, trigger.share) == ("urgent", 10_000, "reports")
    assert [(t.up_to_bytes, t.vcpu, t.memory_mib, t.queue) for t in trigger.tiers] == [
        (100 * 1024**2, 0.5, 1024, None), (1024**3, 1, 4096, None), (None, 4, 40_960, "large"),
    ]  # fmt: skip
    assert list(trigger.queues_used()) == ["urgent", "large"]


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        ("{array: 10001}", "array: must be at most 10000, not 10001"),
        ("{array: 0}", "array: must be at least 1, not 0"),
        ("{queue: standart}", "queue: 'standart' is not a queue of this stack; nearest: 'standard' (intel"),
        ("{share: a-b}", "share: is not a share identifier: 1 to 255 letters and digits"),
        ("{tiers: []}", "tiers: is an empty list; leave the key out, and resources is the only tier"),
        ("{tiers: [{up_to: 1 GB, vcpu: 1, memory: 4 GB}]}", "tiers: has a last tier with up_to: larger inputs would"),
        ("{tiers: [{vcpu: 1, memory: 2 GB}, {vcpu: 1, memory: 4 GB}]}", "tiers: has a tier 1 without up_to, so none"),
        ("{tiers: [{up_to: 1 GB, vcpu: 1, memory: 4 GB}, {vcpu: 2, memory: 4 GB}]}", "tiers: does not ascend: tier 2 "
         "has no more memory than tier 1"),
        ("{tiers: [{up_to: 1 GB, vcpu: 1, memory: 2 GB}, {up_to: 1 GB, vcpu: 1, memory: 3 GB}, "
         "{vcpu: 1, memory: 4 GB}]}",
         "tiers: does not ascend: up_to of tier 2 is not above that of tier 1"),
        ("{tiers: [{up_to: 100, vcpu: 1, memory: 2 GB}, {vcpu: 1, memory: 4 GB}]}", "tiers[0].up_to: 100 is a size"),
        ("{tiers: [{vcpu: 0.5, memory: 5 GB}]}", "tiers[0]: 0.5 vCPU with 5 GB is not offered by Fargate with 0.5 "
         "vCPU; nearest: 0.5 vCPU with 4 GB or 1 vCPU with 5 GB"),
        ("{tiers: [{vcpu: 3, memory: 8 GB}]}", "tiers[0]: 3 vCPU with 8 GB is not offered by Fargate; nearest: 2"),
        ("{tiers: [{vcpu: 0.5, memory: 1 GB, queue: lagre}]}", "tiers[0].queue: 'lagre' is not a queue of this stack; "
         "nearest: 'large'"),
        ("{tiers: [{vcpu: 0.5, memory: 1 GB, queue: large}]}", "tiers[0]: 0.5 vCPU with 1 GB is not offered on EC2; "
         "nearest: 1 vCPU"),
        ("{tiers: [{vcpu: 2, memory: 481 GB, queue: large}]}", "tiers[0]: 2 vCPU with 481 GB fits into no instance of "
         "c7g, m7g, r7g; at most 64 vCPU and 480 GB"),
        ("{tiers: [{vcpu: 65, memory: 8 GB, queue: large}]}", "tiers[0]: 65 vCPU with 8 GB fits into no instance"),
        ("{queue: intel}", "queue: 'intel' has x86_64 instances, and the worker's architecture is arm64"),
        ("{queue: large}", "queue: 'large' has no place for the worker's resources: 0.5 vCPU with 1 GB is not offered"),
        ("{sixe: 3}", "sixe: is not a known key"),
    ],
)  # fmt: skip
def test_what_batch_would_refuse_is_refused_with_its_line_and_what_would_be_right(
    problems, trigger: str, expected: str
) -> None:
    found = problems(QUEUES, trigger)
    assert all(problem.startswith("workers/lines/worker.yaml:2: trigger.batch") for problem in found)
    assert any(expected in problem for problem in found)


@pytest.mark.parametrize("size", ["vcpu: 3, memory: 20 GB", "vcpu: 64, memory: 480 GB", "vcpu: 1, memory: 512 MB"])
def test_on_instances_any_whole_number_of_vcpus_and_any_memory_will_do(settings, size: str) -> None:
    assert trigger_of(settings(QUEUES, f"{{queue: large, tiers: [{{{size}}}]}}")).tiers[0].queue is None


def test_without_queues_of_its_own_a_stack_has_the_default_one_only(problems) -> None:
    [problem] = problems("", "{queue: urgent}")
    assert problem.endswith("'urgent' is not a queue of this stack; allowed: standard")


def test_a_mistake_in_the_stacks_queues_is_told_once(problems) -> None:
    assert len(problems("{queues: {urgent: {priority: high}}}", "{queue: urgent}")) == 1


def test_a_share_is_of_use_in_stacks_with_shares_and_does_no_harm_in_others(settings) -> None:
    assert trigger_of(settings("{queues: {standard: {}}}", "{share: reports}")).share == "reports"


def test_a_pause_before_the_next_attempt_is_not_batchs(problems) -> None:
    [problem] = problems(manifest=f"{MANIFEST}retry: {{attempts: 5, backoff: 10 s}}\n")
    assert problem == (
        "workers/lines/worker.yaml:5: retry.backoff: has no meaning for trigger 'batch': the next attempt starts when "
        "there is room for it"
    )


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ("{concurrency: 3}", "concurrency: has a meaning only for a worker with trigger 'api' or 'queue'"),
        ("{spotShare: 50}", "spotShare: has a meaning only for a worker with trigger 'api', 'queue' or 'schedule'"),
        ("{max: 3}", "max: has a meaning only for a worker with trigger 'queue'"),
        ("{tiers: []}", "tiers: belongs in the worker's worker.yaml"),
        ("{vcpu: 3}", "vcpu: 3 is not offered by Fargate; nearest: 2"),
    ],
)
def test_a_stack_says_of_a_batch_worker_what_has_an_effect(problems, overrides: str, expected: str) -> None:
    [problem] = problems(overrides=overrides)
    assert problem.startswith(f"Pulumi.dev.yaml:4: serverless-batch:workers.lines.{expected}")


def test_a_stack_changes_size_and_timeout_where_there_are_no_tiers(settings) -> None:
    [worker] = settings(overrides="{vcpu: 1, memory: 4 GB, timeout: 1 h}").workers
    resources = worker.manifest.resources
    assert (resources.vcpu, resources.memory_mib, resources.timeout_seconds) == (1, 4096, 3600)


def test_with_tiers_a_stacks_size_would_have_no_effect(problems) -> None:
    first, second = problems("", f"{{tiers: {TIERS}}}", overrides="{vcpu: 1, memory: 4 GB}")
    assert "lines.memory: has no effect on a worker with tiers, which say what a job gets" in first
    assert "lines.vcpu: has no effect on a worker with tiers" in second


def test_a_stacks_size_must_fit_the_queue(problems) -> None:
    whole = MANIFEST.replace("vcpu: 0.5, memory: 1 GB", "vcpu: 1, memory: 2 GB")
    [problem] = problems(QUEUES, "{queue: large}", overrides="{vcpu: 0.5}", manifest=whole)
    assert "lines.vcpu: 0.5 vCPU with 2 GB is not offered on EC2; nearest: 1 vCPU" in problem


@pytest.mark.parametrize("variable", ["BATCH", "TIERS", "DEFINITIONS", "JOB_KEY", "ARRAY_SIZE", "AWS_BATCH_JOB_ID"])
def test_what_the_job_definition_sets_is_no_name_for_a_variable(problems, variable: str) -> None:
    [problem] = problems(manifest=f"{MANIFEST}environment: {{{variable}: x}}\n")
    assert f"environment.{variable}: is set by the platform" in problem


@pytest.mark.parametrize("name", ["batch", "batch_events", "batch_undelivered"])
def test_names_of_the_platforms_own_things_are_no_workers(problems, name: str) -> None:
    assert "is a name that the platform uses itself" in problems(name=name)[0]
