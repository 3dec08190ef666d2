"""A cloud without a stack: what it begins with, what it leaves behind, and what its sources survive."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pulumi
import pytest
from live_stack import alive
from moto.sqs.models import sqs_backends
from sandbox_project import REPOSITORY

from sandbox.cloud import Cloud
from sandbox.invented import ACCOUNT
from sandbox.program import ProgramError
from tests.waiting import until

pytestmark = pytest.mark.xdist_group("bare-cloud")
REGION = "eu-central-1"
KEEPER = """
import json
from pathlib import Path

def handler(event, context):
    for record in event["Records"]:
        with Path("../kept").open("a") as kept:
            kept.write(record["body"] + "\\n")
        json.loads(record["body"])
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with Cloud(REGION, REPOSITORY, tmp_path / "cloud") as cloud:
        yield cloud


@pytest.fixture
def kept(cloud: Cloud) -> Callable[[], list[str]]:
    """Bodies of the messages that came through the queue `in` to a function."""
    code = pulumi.AssetArchive({"handler.py": pulumi.StringAsset(KEEPER)})
    inputs = {"name": "keeper", "handler": "handler.handler", "code": code, "timeout": 20, "memorySize": 256}
    cloud.create("aws:lambda/function:Function", "keeper", inputs)
    cloud.client("sqs").create_queue(QueueName="in", Attributes={"VisibilityTimeout": "1"})
    mapping = {"eventSourceArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:in", "functionName": "keeper", "batchSize": 1}
    cloud.create("aws:lambda/eventSourceMapping:EventSourceMapping", "keeper", mapping)
    file = cloud.folder / "functions" / "kept"
    return lambda: file.read_text().split("\n")[:-1] if file.exists() else []


def queue(cloud: Cloud) -> str:
    return cloud.client("sqs").get_queue_url(QueueName="in")["QueueUrl"]


def test_each_cloud_begins_empty(tmp_path: Path) -> None:
    for _ in range(2):
        with Cloud(REGION, REPOSITORY, tmp_path / "cloud") as cloud:
            assert cloud.client("sqs").list_queues().get("QueueUrls", []) == []
            assert not (tmp_path / "cloud" / "left").exists()
            cloud.client("sqs").create_queue(QueueName="left")
            (tmp_path / "cloud" / "left").touch()


def test_a_folder_in_use_is_refused_to_another_cloud_and_free_afterwards(cloud: Cloud) -> None:
    with pytest.raises(ProgramError, match=rf"stack cloud is up already, in process {os.getpid()}\."):
        Cloud(REGION, REPOSITORY, cloud.folder)
    assert (cloud.folder / "logs").is_dir()
    cloud.close()
    with Cloud(REGION, REPOSITORY, cloud.folder):
        pass


def test_a_region_that_moto_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="no region eu-central-9"):
        Cloud("eu-central-9", REPOSITORY, tmp_path / "cloud")


def test_a_proxy_of_this_machine_is_not_asked_for_the_cloud(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert cloud.client("sns").list_topics()["Topics"] == []


def test_a_type_that_the_sandbox_does_not_know_is_recorded_and_counted(cloud: Cloud) -> None:
    for name in ("one", "two"):
        id_, outputs = cloud.create("aws:quantum/computer:Computer", name, {"qubits": 3})
        assert id_.startswith(f"{name}-")
        assert outputs["qubits"] == 3
    cloud.create("pulumi:providers:aws", "aws", {})
    assert cloud.declared_only == {"aws:quantum/computer:Computer": 2}


def test_closing_leaves_no_threads_processes_ports_or_handlers(tmp_path: Path) -> None:
    threads, handlers = threading.active_count(), list(logging.getLogger().handlers)
    with Cloud(REGION, REPOSITORY, tmp_path / "cloud") as cloud:
        sqs = cloud.client("sqs")
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:in"
        code = pulumi.AssetArchive({"handler.py": pulumi.StringAsset("import os\nhandler = lambda *_: os.getpid()")})
        function = {"name": "sample", "handler": "handler.handler", "code": code, "timeout": 20, "memorySize": 256}
        cloud.create("aws:lambda/function:Function", "sample", function)
        sqs.create_queue(QueueName="in")
        cloud.create(
            "aws:lambda/eventSourceMapping:EventSourceMapping", "in", {"eventSourceArn": arn, "functionName": "sample"}
        )
        process = cloud.compute.functions.invoke("sample", {})
        assert alive(process)
        gateway = cloud.compute.gateway.add_stage({"stageName": "v1", "restApi": "none"})
        agent = cloud.compute.fargate.agent.environment("task")["ECS_AGENT_URI"]
        ports = [urlsplit(url).port for url in (cloud.endpoint, gateway, agent)]
    assert not alive(process)
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    assert list(logging.getLogger().handlers) == handlers
    until(lambda: threading.active_count() <= threads, 5)  # requests that were under way


def test_messages_of_a_function_that_fails_come_again_and_the_others_are_delivered(
    cloud: Cloud, kept: Callable[[], list[str]]
) -> None:
    for body in ("{}", "no JSON", "[]"):
        cloud.client("sqs").send_message(QueueUrl=queue(cloud), MessageBody=body)
    until(lambda: {"{}", "[]"} <= set(kept()) and kept().count("no JSON") > 1)
    assert "JSONDecodeError" in (cloud.folder / "logs" / "keeper.log").read_text()


def test_a_queues_source_goes_on_after_an_error(cloud: Cloud, kept: Callable[[], list[str]]) -> None:
    sqs, log = cloud.client("sqs"), cloud.folder / "logs" / "cloud.log"
    sqs.delete_queue(QueueUrl=queue(cloud))
    until(lambda: "a source failed; it goes on" in log.read_text())
    sqs.create_queue(QueueName="in")
    sqs.send_message(QueueUrl=queue(cloud), MessageBody="{}")
    until(lambda: kept() == ["{}"])


@pytest.fixture
def piped(cloud: Cloud) -> Callable[[], list[Any]]:
    """Keys of the records that came through a pipe into the queue `out`. It lets ended jobs pass."""
    cloud.client("sqs").create_queue(QueueName="out")
    attributes = [{"name": "id", "type": "S"}]
    table = {"name": "jobs", "billingMode": "PAY_PER_REQUEST", "hashKey": "id", "attributes": attributes}
    _, made = cloud.create(
        "aws:dynamodb/table:Table", "jobs", table | {"streamEnabled": True, "streamViewType": "NEW_IMAGE"}
    )
    pattern = {"dynamodb": {"NewImage": {"status": {"S": ["SUCCEEDED", "FAILED"]}}}}
    source = {
        "dynamodbStreamParameters": {"startingPosition": "TRIM_HORIZON"},
        "filterCriteria": {"filters": [{"pattern": json.dumps(pattern)}]},
    }
    pipe = {"source": made["streamArn"], "sourceParameters": source, "target": f"arn:aws:sqs:{REGION}:{ACCOUNT}:out"}
    cloud.create("aws:pipes/pipe:Pipe", "notices", pipe)

    def received() -> list[Any]:
        messages = sqs_backends[ACCOUNT][REGION].get_queue("out")._messages
        return [json.loads(message.body)["dynamodb"]["NewImage"]["id"]["S"] for message in messages]

    return received


def put(cloud: Cloud, id_: str, status: str) -> None:
    cloud.client("dynamodb").put_item(TableName="jobs", Item={"id": {"S": id_}, "status": {"S": status}})


def test_a_pipe_lets_pass_what_its_filter_names_in_the_order_of_the_stream(
    cloud: Cloud, piped: Callable[[], list[Any]]
) -> None:
    for id_, status in (("a", "SUCCEEDED"), ("b", "QUEUED"), ("c", "FAILED"), ("b", "RUNNING"), ("b", "SUCCEEDED")):
        put(cloud, id_, status)
    cloud.client("dynamodb").put_item(TableName="jobs", Item={"id": {"S": "places"}})
    put(cloud, "last", "FAILED")
    until(lambda: "last" in piped())
    assert piped() == ["a", "c", "b", "last"]


def test_a_pipe_loses_nothing_while_its_queue_is_gone(cloud: Cloud, piped: Callable[[], list[Any]]) -> None:
    sqs = cloud.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="out")["QueueUrl"])
    put(cloud, "a", "SUCCEEDED")
    until(lambda: "a source failed; it goes on" in (cloud.folder / "logs" / "cloud.log").read_text())
    sqs.create_queue(QueueName="out")
    put(cloud, "b", "SUCCEEDED")
    until(lambda: piped() == ["a", "b"])


def test_no_message_is_lost_between_senders_and_consumers(cloud: Cloud) -> None:
    queues = sqs_backends[ACCOUNT][REGION]
    queues.create_queue("busy.fifo", {}, FifoQueue="true")
    sent, received = [f'"{n}"' for n in range(200)], set()

    def delete(receipt: str) -> None:
        queues.delete_message("busy.fifo", receipt)

    def consume() -> None:
        while len(received) < len(sent):
            for message in queues.receive_message("busy.fifo", 10, 1, 30):
                received.add(message.body)
                threading.Thread(target=delete, args=[message.receipt_handle]).start()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns as often as they can
    try:
        consumer = threading.Thread(target=consume, daemon=True)
        consumer.start()
        for body in sent:
            queues.send_message("busy.fifo", body, deduplication_id=body, group_id=body)
        consumer.join(20)
    finally:
        sys.setswitchinterval(interval)
    assert received == set(sent)
