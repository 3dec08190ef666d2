from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from jobs import Job, JobStore, Status
from tests.functions.function_support import TABLE, table

ENVIRONMENT = {
    "CLUSTER": "cluster",
    "SUBNETS": "subnet-1,subnet-2",
    "SECURITY_GROUPS": "sg-1",
    "ASSIGN_PUBLIC_IP": "ENABLED",
    "MAX_RECEIVE_COUNT": "10",
}
NO_CAPACITY = {"reason": "Capacity is unavailable at this time."}


class Ecs:
    """ECS with so many free places a capacity provider; `calls` are the RunTask requests."""

    def __init__(self, **capacity: int | Exception):
        self.calls: list[dict[str, Any]] = []
        self.stopped: dict[str, dict[str, Any]] = {}
        self._capacity = capacity

    def run_task(self, **call: Any) -> dict[str, Any]:
        self.calls.append(call)
        free = self._capacity.get(provider(call), 100)
        if isinstance(free, Exception):
            raise free
        started = min(free, call["count"])
        failures = [NO_CAPACITY] * (call["count"] - started)
        return {"tasks": [{"taskArn": f"arn:task:{uuid.uuid4()}"} for _ in range(started)], "failures": failures}

    def describe_tasks(self, *, tasks: list[str], **_: str) -> dict[str, Any]:
        return {"tasks": [self.stopped[arn] for arn in tasks if arn in self.stopped]}


def provider(call: dict[str, Any]) -> str:
    [strategy] = call["capacityProviderStrategy"]
    return strategy["capacityProvider"]


def environment(call: dict[str, Any]) -> dict[str, str]:
    [container] = call["overrides"]["containerOverrides"]
    return {variable["name"]: variable["value"] for variable in container["environment"]}


def served(call: dict[str, Any]) -> list[str]:
    """The jobs of a call, as id:attempt."""
    return environment(call)["JOBS"].split(",")


def error(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "RunTask")


@pytest.fixture(scope="module")
def module(load: Callable[..., ModuleType]) -> ModuleType:
    return load("launcher", **ENVIRONMENT)


@pytest.fixture
def ecs(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ecs]:
    """`ecs(FARGATE_SPOT=0)` puts an ECS with this capacity behind the launcher."""

    def put(**capacity: int | Exception) -> Ecs:
        fake = Ecs(**capacity)
        monkeypatch.setattr(module, "ecs", fake)
        return fake

    return put


@pytest.fixture
def new_job(store: JobStore, queue: Any) -> Callable[..., Job]:
    """`new_job()` records a job and queues its message."""

    def new_job(worker: str = "summariser", **fields: Any) -> Job:
        job = store.create(Job(job_id=str(uuid.uuid4()), worker=worker, input={"text": "a"}, **fields))
        queue.send(job.job_id)
        return job

    return new_job


@pytest.fixture(autouse=True)
def free_places() -> None:
    table(TABLE).delete_item(Key={"job_id": "places#summariser"})


def places() -> set[str]:
    item = table(TABLE).get_item(Key={"job_id": "places#summariser"}).get("Item", {})
    return set(item.get("places", set()))


def again(queue: Any, store: JobStore, job_id: str) -> None:
    """Let the message of a launched job come again."""
    job = store.get(job_id)
    assert job
    assert job.receipt
    queue.show(job.receipt)


# --- launch --------------------------------------------------------------------------------------------------


def test_a_batch_becomes_one_call_and_its_messages_stay_in_flight(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], store: JobStore, queue: Any
):
    fake, jobs = ecs(), [new_job() for _ in range(3)]
    kept = queue.deliver(module.handler)
    assert sorted(kept) == sorted(job.job_id for job in jobs)
    [call] = fake.calls
    assert (call["count"], call["taskDefinition"], call["cluster"]) == (3, "summariser", "cluster")
    assert provider(call) == environment(call)["CAPACITY_PROVIDER"] == "FARGATE_SPOT"
    assert sorted(served(call)) == sorted(f"{job.job_id}:1" for job in jobs)
    assert call["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroups": ["sg-1"],
        "assignPublicIp": "ENABLED",
    }
    assert "launchType" not in call  # it excludes a strategy
    assert len(call["clientToken"]) <= 64
    assert len(json.dumps(call["overrides"])) <= 8192
    assert queue.receive() == []
    launched = [store.get(job.job_id) for job in jobs]
    assert all(job and job.status is Status.QUEUED and job.attempt == 1 and job.receipt for job in launched)
    assert places() == {job.job_id for job in jobs}


def test_aws_takes_the_request_as_it_is(
    module: ModuleType, new_job: Callable[..., Job], queue: Any, monkeypatch: pytest.MonkeyPatch
):
    ec2, real = boto3.client("ec2"), boto3.client("ecs")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="tasks", Description="tasks")["GroupId"]
    real.create_cluster(clusterName="cluster", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    real.register_task_definition(
        family="summariser",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "worker", "image": "worker", "cpu": 256, "memory": 512}],
    )
    network = {"subnets": [subnet], "securityGroups": [group], "assignPublicIp": "ENABLED"}
    monkeypatch.setattr(module, "ecs", real)
    monkeypatch.setattr(module, "network", {"awsvpcConfiguration": network})
    new_job()
    new_job()
    queue.deliver(module.handler)
    tasks = real.list_tasks(cluster="cluster")["taskArns"]
    assert len(tasks) == 2
    assert real.describe_tasks(cluster="cluster", tasks=tasks)["tasks"][0]["startedBy"] == "functions-under-test"


@pytest.mark.parametrize("failure", [0, error("ThrottlingException"), error("LimitExceededException")])
def test_what_spot_has_no_capacity_for_runs_on_demand(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], queue: Any, failure: Any
):
    fake, jobs = ecs(FARGATE_SPOT=failure), [new_job(), new_job()]
    queue.deliver(module.handler)
    assert [provider(call) for call in fake.calls] == ["FARGATE_SPOT", "FARGATE"]
    assert environment(fake.calls[1])["CAPACITY_PROVIDER"] == "FARGATE"
    assert places() == {job.job_id for job in jobs}


def test_only_the_jobs_that_spot_left_over_run_on_demand(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], queue: Any
):
    fake, _ = ecs(FARGATE_SPOT=2), [new_job() for _ in range(3)]
    queue.deliver(module.handler)
    spot, on_demand = fake.calls
    assert served(on_demand) == served(spot)[2:]
    assert on_demand["count"] == 1


def test_messages_are_hidden_before_their_tasks_start_and_those_without_a_task_come_back_sooner(
    module: ModuleType,
    ecs: Callable[..., Ecs],
    new_job: Callable[..., Job],
    queue: Any,
    context: Any,
    monkeypatch: pytest.MonkeyPatch,
):
    fake, _ = ecs(FARGATE_SPOT=1, FARGATE=0), [new_job(), new_job()]
    changes: list[tuple[int, list[int]]] = []  # RunTask calls so far, seconds

    def change(**call: Any) -> dict[str, Any]:
        changes.append((len(fake.calls), [entry["VisibilityTimeout"] for entry in call["Entries"]]))
        return {}

    monkeypatch.setattr(module.sqs, "change_message_visibility_batch", change)
    for receives in (1, 2, 8):
        fake.calls.clear()
        messages = queue.receive()
        module.handler(queue.event(messages, receives=receives), context)
        queue.show_all()
    assert changes == [(0, [300, 300]), (2, [30]), (0, [300, 300]), (2, [60]), (0, [300, 300]), (2, [900])]


def test_jobs_without_a_task_give_their_place_back_and_come_again_later(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], store: JobStore, queue: Any
):
    fake, jobs = ecs(FARGATE_SPOT=1, FARGATE=1), [new_job() for _ in range(3)]
    assert len(queue.deliver(module.handler)) == 3
    assert len(places()) == 2
    [waiting] = {job.job_id for job in jobs} - places()
    assert queue.receive() == []  # it is hidden for a while
    ecs()
    again(queue, store, waiting)
    assert queue.deliver(module.handler) == [waiting]
    assert waiting in places()
    assert len(fake.calls) == 2


@pytest.mark.parametrize(
    "failure", [error("AccessDeniedException"), error("InvalidParameterException", "capacity provider was not found")]
)
def test_a_wrong_request_is_not_taken_for_missing_capacity(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], queue: Any, failure: Exception
):
    fake, job = ecs(FARGATE_SPOT=failure), new_job()
    assert queue.deliver(module.handler) == [job.job_id]
    assert [provider(call) for call in fake.calls] == ["FARGATE_SPOT"]
    assert places() == set()


def test_a_call_without_an_answer_is_not_repeated_on_demand(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], queue: Any
):
    fake, job = ecs(FARGATE_SPOT=ReadTimeoutError(endpoint_url="https://ecs")), new_job()
    assert queue.deliver(module.handler) == [job.job_id]
    assert len(fake.calls) == 1


def test_the_spot_share_decides_where_jobs_run(
    module: ModuleType,
    ecs: Callable[..., Ecs],
    store: JobStore,
    other_queue: Any,
):
    fake = ecs()
    job = store.create(Job(job_id=str(uuid.uuid4()), worker="translator", input={}))
    other_queue.send(job.job_id)
    other_queue.deliver(module.handler)
    assert [(provider(call), call["taskDefinition"]) for call in fake.calls] == [("FARGATE", "translator")]


def test_a_share_of_seventy_sends_about_seventy_percent_to_spot(module: ModuleType, ecs: Callable[..., Ecs]):
    fake = ecs(FARGATE_SPOT=2000, FARGATE=2000)
    worker = next(worker for worker in module.workers.values() if worker.name == "summariser")
    jobs = [Job(job_id=str(uuid.UUID(int=n)), worker="summariser", input={}, attempt=1) for n in range(2000)]
    fargate = module.Fargate(fake, cluster="cluster", network={}, started_by="launcher")
    left, _ = fargate.launch(replace(worker, spot_share=70), jobs)
    assert left == []
    spot, on_demand = fake.calls
    assert 0.65 < spot["count"] / len(jobs) < 0.75
    assert not set(served(spot)) & set(served(on_demand))


def test_outcomes_are_counted_for_the_worker(
    module: ModuleType,
    ecs: Callable[..., Ecs],
    new_job: Callable[..., Job],
    queue: Any,
    capsys: pytest.CaptureFixture[str],
):
    ecs(FARGATE_SPOT=1, FARGATE=0)
    [new_job() for _ in range(4)]  # three places
    queue.deliver(module.handler)
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    counts = {name: metrics[name] for name in ("Launched", "NoCapacity", "Deferred", "DeadLettered")}
    assert counts == {"Launched": [1.0], "NoCapacity": [2.0], "Deferred": [1.0], "DeadLettered": [0.0]}
    assert metrics["worker"] == "summariser"


# --- wait ----------------------------------------------------------------------------------------------------


def test_no_more_tasks_run_than_the_worker_has_places(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], store: JobStore, queue: Any
):
    fake, jobs = ecs(), [new_job() for _ in range(5)]
    queue.deliver(module.handler)
    assert fake.calls[0]["count"] == 3
    assert len(places()) == 3
    waiting = {job.job_id for job in jobs} - places()
    assert all((job := store.get(job_id)) and job.attempt == 0 for job_id in waiting)


def test_waiting_never_leads_to_the_dead_letters(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], store: JobStore, queue: Any, context: Any
):
    ecs()
    for _ in range(3):
        new_job()
    queue.deliver(module.handler)
    waiting = new_job()
    [message] = queue.receive()
    answer = module.handler(queue.event([message], receives=8), context)
    assert answer == {"batchItemFailures": []}
    boto3.client("sqs").delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
    [copy] = queue.receive()
    assert json.loads(copy["Body"]) == {"job_id": waiting.job_id}
    assert copy["MessageId"] != message["MessageId"]
    assert copy["Attributes"]["ApproximateReceiveCount"] == "1"
    job = store.get(waiting.job_id)
    assert job
    assert (job.status, job.failures) == (Status.QUEUED, 0)


def test_a_fresh_copy_is_sent_once_even_if_the_batch_is_repeated(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], queue: Any, context: Any
):
    ecs()
    for _ in range(3):
        new_job()
    queue.deliver(module.handler)
    new_job()
    [message] = queue.receive()
    for _ in range(2):
        module.handler(queue.event([message], receives=8), context)
    boto3.client("sqs").delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
    assert len(queue.receive()) == 1


# --- let go --------------------------------------------------------------------------------------------------


def test_messages_of_unknown_jobs_are_dropped_and_their_places_freed(
    module: ModuleType, ecs: Callable[..., Ecs], store: JobStore, queue: Any
):
    fake = ecs()
    store.reserve(Job(job_id="gone", worker="summariser", input={}), 3)
    queue.send("gone")
    assert queue.deliver(module.handler) == []
    assert fake.calls == []
    assert places() == set()


def test_a_cancelled_job_is_dropped(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], store: JobStore, queue: Any
):
    fake, job = ecs(), new_job()
    store.cancel(job.job_id, "why")
    assert queue.deliver(module.handler) == []
    assert fake.calls == []
    assert queue.receive() == []


def test_a_job_that_is_cancelled_while_it_is_launched_is_not_run(
    module: ModuleType,
    ecs: Callable[..., Ecs],
    new_job: Callable[..., Job],
    store: JobStore,
    queue: Any,
    monkeypatch: pytest.MonkeyPatch,
):
    fake, job = ecs(), new_job()
    reserve = module.store.reserve

    def cancel_then_reserve(*args: Any) -> bool:
        store.cancel(job.job_id, "why")
        return reserve(*args)

    monkeypatch.setattr(module.store, "reserve", cancel_then_reserve)
    assert queue.deliver(module.handler) == [job.job_id]
    assert fake.calls == []
    monkeypatch.undo()
    ecs()
    queue.show_all()
    assert queue.deliver(module.handler) == []
    assert places() == set()


def test_a_message_that_names_no_job_stays_for_the_dead_letters_and_holds_up_nobody(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], queue: Any, context: Any
):
    fake = ecs()
    new_job()
    messages = queue.receive()
    unusable = [{**messages[0], "Body": body, "MessageId": body} for body in ("{", "[]", '{"job_id": 5}')]
    answer = module.handler(queue.event([*unusable, *messages]), context)
    assert len(answer["batchItemFailures"]) == 4
    assert fake.calls[0]["count"] == 1


def test_one_message_that_cannot_be_handled_does_not_hold_up_the_others(
    module: ModuleType,
    ecs: Callable[..., Ecs],
    new_job: Callable[..., Job],
    queue: Any,
    monkeypatch: pytest.MonkeyPatch,
):
    fake, bad, good = ecs(), new_job(), new_job()
    get = module.store.get

    def get_good(job_id: str) -> Job | None:
        if job_id == bad.job_id:
            raise error("InternalServerError")
        return get(job_id)

    monkeypatch.setattr(module.store, "get", get_good)
    assert sorted(queue.deliver(module.handler)) == sorted([bad.job_id, good.job_id])
    assert served(fake.calls[0]) == [f"{good.job_id}:1"]


def test_two_messages_of_one_job_start_one_task(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], queue: Any, context: Any
):
    fake, job = ecs(), new_job()
    [message] = queue.receive()
    twin = {**message, "MessageId": "twin", "ReceiptHandle": "twin"}
    answer = module.handler(queue.event([message, twin]), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": message["MessageId"]}]}
    assert served(fake.calls[0]) == [f"{job.job_id}:1"]


# --- lost tasks, dead letters, redrive -----------------------------------------------------------------------


def lose(store: JobStore, job_id: str) -> str:
    """A task takes the job and is never heard of again: its ARN."""
    job = store.get(job_id)
    assert job
    arn = f"arn:task:{uuid.uuid4()}"
    assert store.claim(job_id, job.attempt, task_arn=arn, capacity_provider="FARGATE_SPOT")
    return arn


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (None, "its task was lost"),
        ({"stoppedReason": "Host EC2 terminated", "containers": [{}]}, "its task stopped: Host EC2 terminated"),
        ({"containers": [{"exitCode": 137}], "stoppedReason": "Essential container exited"}, "out of memory"),
    ],
)
def test_a_lost_task_is_replaced_and_counts_as_a_failure(
    module: ModuleType,
    ecs: Callable[..., Ecs],
    new_job: Callable[..., Job],
    store: JobStore,
    queue: Any,
    task: dict[str, Any] | None,
    reason: str,
):
    fake, job = ecs(), new_job()
    queue.deliver(module.handler)
    arn = lose(store, job.job_id)
    if task:
        fake.stopped[arn] = task
    again(queue, store, job.job_id)
    assert queue.deliver(module.handler) == [job.job_id]
    assert served(fake.calls[-1]) == [f"{job.job_id}:2"]
    after = store.get(job.job_id)
    assert after
    assert (after.status, after.failures, after.task_arn) == (Status.QUEUED, 1, None)
    assert reason in (after.reason or "")


def test_a_job_whose_tasks_are_lost_again_and_again_is_dead_lettered_with_the_reason(
    module: ModuleType,
    ecs: Callable[..., Ecs],
    new_job: Callable[..., Job],
    store: JobStore,
    queue: Any,
    dead_letters: Any,
):
    fake, job = ecs(), new_job()
    queue.deliver(module.handler)
    for _ in range(3):
        arn = lose(store, job.job_id)
        fake.stopped[arn] = {"containers": [{"exitCode": 137}]}
        again(queue, store, job.job_id)
        queue.deliver(module.handler)
    after = store.get(job.job_id)
    assert after
    assert (after.status, after.dead_lettered, after.attempt) == (Status.FAILED, True, 3)
    assert len(fake.calls) == 3
    [letter] = dead_letters.receive()
    assert json.loads(letter["Body"]) == {"job_id": job.job_id}
    assert "out of memory" in letter["MessageAttributes"]["reason"]["StringValue"]
    queue.show_all()
    assert queue.receive() == []
    assert places() == set()


def test_a_job_that_no_task_ever_takes_is_dead_lettered_before_the_queue_does_it_silently(
    module: ModuleType,
    ecs: Callable[..., Ecs],
    new_job: Callable[..., Job],
    store: JobStore,
    queue: Any,
    dead_letters: Any,
):
    fake, job = ecs(), new_job()
    queue.deliver(module.handler, receives=9)
    assert len(fake.calls) == 1
    again(queue, store, job.job_id)
    assert queue.deliver(module.handler, receives=10) == []
    after = store.get(job.job_id)
    assert after
    assert (after.status, after.dead_lettered) == (Status.FAILED, True)
    assert "no task took it" in (after.reason or "")
    assert len(dead_letters.receive()) == 1
    assert places() == set()


def dead_lettered(store: JobStore, job: Job) -> Job:
    launched = store.launch(job, "receipt")
    running = store.claim(job.job_id, launched.attempt, task_arn="arn:task", capacity_provider="FARGATE")
    assert running
    return store.fail(running, "bucket gone", dead_lettered=True)


def test_a_redriven_job_runs_again_under_the_next_id(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], store: JobStore, queue: Any
):
    expires_at = int(time.time()) + 3600
    fake, job = ecs(), new_job(expires_at=expires_at)
    dead_lettered(store, job)
    assert queue.deliver(module.handler) == [job.job_id]
    assert served(fake.calls[0]) == [f"{job.job_id}-r1:1"]
    retry = store.get(f"{job.job_id}-r1")
    assert retry
    assert (retry.input, retry.worker, retry.status) == (job.input, job.worker, Status.QUEUED)
    assert retry.expires_at
    assert abs(retry.expires_at - expires_at) < 60
    first = store.get(job.job_id)
    assert first
    assert first.status is Status.FAILED
    # The message is still the first one's; it stands for the retry.
    again(queue, store, retry.job_id)
    queue.deliver(module.handler)
    assert served(fake.calls[1]) == [f"{job.job_id}-r1:2"]


def test_a_retry_that_is_redriven_becomes_the_second_retry(
    module: ModuleType, ecs: Callable[..., Ecs], store: JobStore, queue: Any
):
    fake = ecs()
    job = store.create(Job(job_id=f"{uuid.uuid4()}-r9", worker="summariser", input={}))
    dead_lettered(store, job)
    queue.send(job.job_id)
    queue.deliver(module.handler)
    assert served(fake.calls[0]) == [f"{job.job_id[:-3]}-r10:1"]


def test_a_message_whose_retry_has_ended_is_dropped(
    module: ModuleType, ecs: Callable[..., Ecs], new_job: Callable[..., Job], store: JobStore, queue: Any
):
    fake, job = ecs(), new_job()
    dead_lettered(store, job)
    dead_lettered(store, store.create(Job(job_id=f"{job.job_id}-r1", worker=job.worker, input=job.input)))
    assert queue.deliver(module.handler) == []
    assert fake.calls == []
