"""Which job a submission makes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from batch_stack import PREFIX, Stack

from batchjobs import Refused, Request, parts, read_set

pytestmark = pytest.mark.xdist_group("submission")
KB = 1024


@pytest.mark.parametrize(
    ("size", "tier", "queue", "reason"),
    [
        (KB, 1, "standard", "input has 1 KB: tier 1 (≤ 1 KB): 1 vCPU, 128 MB"),
        (KB + 1, 2, "standard", "input has 1 KB: tier 2 (≤ 4 KB): 1 vCPU, 256 MB"),
        (9 * KB, 3, "large", "input has 9 KB: tier 3 (any size): 2 vCPU, 1 GB"),
    ],
)
def test_the_inputs_size_picks_the_tier_and_the_reason_is_told(
    stack: Stack, size: int, tier: int, queue: str, reason: str
) -> None:
    submitted = stack.jobs.submit("probe", {"key": stack.put(f"in/{size}", size)})
    assert (submitted.tier.number, submitted.reason) == (tier, reason)
    assert stack.queue(submitted.job_id) == f"{PREFIX}-{queue}"
    needs = stack.requirements(submitted.job_id)
    assert needs == {"VCPU": f"{submitted.tier.vcpu:g}", "MEMORY": str(submitted.tier.memory)}
    environment = stack.environment(submitted.job_id)
    assert environment["MEMORY_GB"] == f"{submitted.tier.memory / 1024:g}"


def test_the_size_of_a_prefix_is_that_of_all_below_it_and_one_that_is_given_counts_instead(stack: Stack) -> None:
    for number in range(3):
        stack.put(f"many/{number}", KB)
    assert stack.jobs.submit("probe", {"prefix": "many/"}).tier.number == 2
    assert stack.jobs.submit("probe", {"prefix": "many/"}, size=10**9).reason.startswith("input has 954 MB: tier 3")
    assert stack.jobs.submit("probe", {"date": "today"}).reason.startswith("input names no object: tier 1")


def test_a_short_input_is_a_variable_and_a_long_one_an_object(stack: Stack) -> None:
    short = stack.environment(stack.jobs.submit("probe", {"date": "today"}, key="short").job_id)
    assert json.loads(short["INPUT"]) == {"date": "today"}
    assert short["JOB_KEY"] == "short"
    long = {"text": "ä" * 3000}
    environment = stack.environment(stack.jobs.submit("probe", long, key="long").job_id)
    assert "INPUT" not in environment
    assert environment["INPUT_KEY"].startswith("batch/probe/")
    stored = stack.s3.get_object(Bucket="uploads", Key=environment["INPUT_KEY"])["Body"].read()
    assert json.loads(stored) == long


def test_an_array_has_its_parts_and_one_of_one_part_is_none(stack: Stack) -> None:
    array = stack.jobs.submit("probe", {}, array=3)
    assert (array.size, stack.cloud.job(array.job_id)["arrayProperties"]["size"]) == (3, 3)
    assert "arrayProperties" not in stack.cloud.job(stack.jobs.submit("probe", {}, array=1).job_id)


def test_a_submission_that_says_nothing_else_has_the_workers_array_and_share(stack: Stack) -> None:
    stack.define(ARRAY="2", SHARE="reports")
    try:
        jobs = type(stack.jobs)(stack.clients, stack.names)
        submitted = jobs.submit("probe", {}, queue="shared")
        assert submitted.size == 2
        assert stack.cloud.job(submitted.job_id)["shareIdentifier"] == "reports"
        other = jobs.submit("probe", {}, queue="shared", share="tenant7")
        assert stack.cloud.job(other.job_id)["shareIdentifier"] == "tenant7"
        assert "shareIdentifier" not in stack.cloud.job(jobs.submit("probe", {}).job_id)  # for a queue without shares
    finally:
        stack.define()


def test_a_set_is_submitted_in_order_whatever_the_order_of_its_names(stack: Stack) -> None:
    sent = stack.jobs.submit_set(
        {
            "report": Request(worker="probe", input={}, after=["merge"]),
            "merge": Request(worker="probe", input={}, after=["clean"]),
            "clean": Request(worker="probe", input={}, array=2, after_each="split"),
            "split": Request(worker="probe", input={}, array=2, sequential=True),
        }
    )
    assert list(sent) == ["split", "clean", "merge", "report"]
    waits = {name: stack.cloud.job(one.job_id)["dependsOn"] for name, one in sent.items()}
    assert waits == {
        "split": [{"type": "SEQUENTIAL"}],
        "clean": [{"jobId": sent["split"].job_id, "type": "N_TO_N"}],
        "merge": [{"jobId": sent["clean"].job_id}],
        "report": [{"jobId": sent["merge"].job_id}],
    }
    assert stack.cloud.end(sent["report"].job_id)["status"] == "SUCCEEDED"


def requests(**after: str) -> dict[str, Request]:
    return {name: Request(worker="probe", input={}, after=[other]) for name, other in after.items()}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (requests(a="b", b="c", c="a"), r"The dependencies are circular: \w → \w → \w → \w. Nothing was submitted."),
        (requests(a="a"), "The dependencies are circular: a → a"),
        (requests(a="b"), "There is no job b to wait for: it is neither one of the set nor a job's id."),
    ],
)
def test_a_set_that_cannot_be_is_refused(stack: Stack, wrong: dict[str, Request], said: str) -> None:
    with pytest.raises(Refused, match=said):
        stack.jobs.submit_set(wrong)
    assert stack.submitted() == []


def test_nothing_of_a_set_is_submitted_if_one_of_it_cannot_be(stack: Stack) -> None:
    good = Request(worker="probe", input={})
    for bad in (
        Request(worker="nobody", input={}),
        Request(worker="probe", input={"key": "gone"}),
        Request(worker="probe", input={}, after=["good", "whom"]),
    ):
        with pytest.raises(Refused):
            stack.jobs.submit_set({"good": good, "bad": bad})
    arrays = {
        "a": Request(worker="probe", input={}, array=2),
        "b": Request(worker="probe", input={}, array=3, after_each="a"),
    }
    with pytest.raises(Refused, match="only of an array of the same size: b has 3, a 2"):
        stack.jobs.submit_set(arrays)
    assert stack.submitted() == []


@pytest.mark.parametrize(
    ("worker", "input", "more", "said"),
    [
        ("prob", {}, {}, "There is no Batch worker prob in this stack; nearest: probe."),
        ("probe", {}, {"queue": "standart"}, "There is no queue standart for probe; nearest: standard."),
        ("probe", {}, {"array": 10_001}, "An array has 1 to 10,000 parts, not 10,001."),
        ("probe", {}, {"array": 0}, "An array has 1 to 10,000 parts, not 0."),
        ("probe", {}, {"sequential": True}, "Only the parts of an array can be sequential"),
        ("probe", {}, {"after_each": "x"}, "Only the parts of an array can wait for the same parts"),
        ("probe", {}, {"after": [f"job{n}" for n in range(21)]}, "A job can wait for at most 20 others, not for 21."),
        ("probe", {}, {"after": ["yesterday"]}, "There is no job yesterday to wait for"),
        ("probe", {}, {"queue": "shared"}, "The queue shared is shared by identifiers; name the share"),
        ("probe", {}, {"share": "me"}, "The queue standard has no shares"),
        ("probe", {"key": "gone"}, {}, "The input is missing: s3://uploads/gone does not exist."),
        ("probe", {"bucket": "nowhere", "key": "x"}, {}, "The input is missing: s3://nowhere/x does not exist."),
        ("probe", {"prefix": "gone/"}, {}, "The input is missing: there is nothing below s3://uploads/gone/."),
        ("probe", {"bucket": "nowhere", "prefix": ""}, {}, "The input is missing: the bucket nowhere does not exist."),
    ],
)
def test_what_cannot_be_submitted_is_refused_in_words(
    stack: Stack, worker: str, input: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        stack.jobs.submit(worker, input, **more)
    assert stack.submitted() == []


def test_an_input_that_is_too_large_for_every_tier_is_refused(stack: Stack) -> None:
    stack.define(TIERS=json.dumps([{"up_to": KB, "vcpu": 1, "memory": 128, "queue": "standard"}]))
    try:
        jobs = type(stack.jobs)(stack.clients, stack.names)
        with pytest.raises(Refused, match="The input has 2 KB, more than any tier of probe is for"):
            jobs.submit("probe", {}, size=2 * KB)
    finally:
        stack.define()


def test_a_job_that_batch_forgot_is_said_to_be_so(stack: Stack) -> None:
    with pytest.raises(Refused, match="There is no job 1234"):
        stack.jobs.wait("1234")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "The set is no map of jobs"),
        ({}, "The set is no map of jobs"),
        ({"a": 1}, "Job a of the set is no map of fields."),
        ({"a": {"input": {}}}, "Job a of the set has no worker."),
        ({"a": {"worker": "probe"}}, "Job a of the set has no input."),
        ({"a": {"worker": "probe", "input": {}, "aray": 2}}, "Job a of the set has a field aray; there are: worker, "),
        ({"a": {"worker": "probe", "input": {}, "array": "2"}}, "Job a of the set: array is not a whole number."),
        ({"a": {"worker": "probe", "input": {}, "array": True}}, "Job a of the set: array is not a whole number."),
        ({"a": {"worker": 1, "input": {}}}, "Job a of the set: worker is not text."),
    ],
)
def test_a_set_that_is_none_is_refused(document: Any, said: str) -> None:
    with pytest.raises(Refused, match=said):
        read_set(document, None)


def test_a_sets_key_is_a_part_of_each_jobs_key() -> None:
    document = {"a": {"worker": "probe", "input": {}}, "b": {"worker": "probe", "input": {}, "after": "a", "key": "k"}}
    found = read_set(document, "monday")
    assert [request.key for request in found.values()] == ["monday-a", "k"]
    assert found["b"].after == ["a"]
    assert read_set({"a": document["a"]}, None)["a"].key is None


def test_parts_are_written_as_ranges_and_read_again() -> None:
    for numbers, text in (([0, 1, 2, 5, 7, 8], "0-2,5,7-8"), ([3], "3"), ([0, 2], "0,2")):
        assert parts.write(numbers) == text
        assert parts.read(text) == numbers
