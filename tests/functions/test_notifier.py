from __future__ import annotations

import json
import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer

from jobs import Job, Status
from tests.functions.function_support import CONTEXT, table

WEBHOOK_PATH, TOKEN = "/services/T000/B000/hidden-webhook", "hidden-token"


@dataclass
class Receiver:
    """Slack and Notion on this machine. answers: what the next calls get, 200 when there is nothing left."""

    url: str = ""
    calls: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    answers: dict[str, list[tuple[int, dict[str, str], str]]] = field(default_factory=dict)

    def to(self, service: str) -> list[Any]:
        return [body for path, _, body in self.calls if path == self.path(service)]

    def fail(self, service: str, status: int, headers: dict[str, str] | None = None, text: str = "") -> None:
        self.answers.setdefault(self.path(service), []).append((status, headers or {}, text))

    @staticmethod
    def path(service: str) -> str:
        return {"slack": WEBHOOK_PATH, "notion": "/v1/pages"}[service]


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.calls.append((self.path, dict(self.headers), body))
            waiting = receiver.answers.get(self.path)
            status, headers, text = waiting.pop(0) if waiting else (200, {}, "ok")
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    receiver.url = f"http://127.0.0.1:{http.server_port}"
    yield receiver
    http.shutdown()


@pytest.fixture(autouse=True)
def receiver(server: Receiver) -> Receiver:
    server.calls.clear()
    server.answers.clear()
    return server


@dataclass
class Account:
    """What the notifier needs in AWS."""

    environment: dict[str, str]
    queue_url: str
    mailbox_url: str
    sqs: Any

    def mails(self) -> list[dict[str, Any]]:
        """What subscribers of the topic got since the last time."""
        messages = self.sqs.receive_message(QueueUrl=self.mailbox_url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.mailbox_url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]


@pytest.fixture(scope="module")
def account(sqs: Any, server: Receiver) -> Account:
    boto3.client("dynamodb").create_table(
        TableName="idempotency",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    secrets, sns = boto3.client("secretsmanager"), boto3.client("sns")
    topic = sns.create_topic(Name="notices")["TopicArn"]
    mailbox = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    queue = sqs.create_queue(QueueName="notices")["QueueUrl"]
    mailbox_arn = sqs.get_queue_attributes(QueueUrl=mailbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=mailbox_arn)
    environment = {
        "NOTICES_TABLE": "idempotency",
        "NOTICES_QUEUE_URL": queue,
        "SLACK_SECRET_ARN": secrets.create_secret(Name="slack", SecretString=f"{server.url}{WEBHOOK_PATH}\n")["ARN"],
        "NOTION_SECRET_ARN": secrets.create_secret(Name="notion", SecretString=TOKEN)["ARN"],
        "NOTION_DATABASE_ID": "database",
        "NOTION_URL": server.url,
        "TOPIC_ARN": topic,
    }
    return Account(environment, queue, mailbox, sqs)


@pytest.fixture(scope="module")
def module(load: Callable[..., ModuleType], account: Account) -> ModuleType:
    return load("notifier", **account.environment)


class Notifier:
    """The notifier behind its queue."""

    def __init__(self, module: ModuleType, account: Account):
        self.handler, self._account = module.handler, account

    def __call__(self, *jobs: Job, receives: int = 1) -> dict[str, int]:
        """Deliver a record of each job: the jobs that come again, with the seconds until then."""
        sqs, url = self._account.sqs, self._account.queue_url
        records, names = [], {}
        for job in jobs:
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(record(job)))
            [message] = sqs.receive_message(QueueUrl=url, VisibilityTimeout=900)["Messages"]
            names[message["MessageId"]] = (job.job_id, message["ReceiptHandle"])
            records.append(sqs_record(message["Body"], message["MessageId"], message["ReceiptHandle"], receives))
        self.hidden: dict[str, int] = {}
        answer = self.handler({"Records": records}, CONTEXT)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for _, receipt in names.values():
            sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt)
        return {names[message_id][0]: self.hidden[names[message_id][1]] for message_id in failed}


@pytest.fixture
def notifier(module: ModuleType, account: Account, monkeypatch: pytest.MonkeyPatch) -> Notifier:
    notifier = Notifier(module, account)
    real = module.sqs.change_message_visibility

    def change(**call: Any) -> None:
        real(**call)
        notifier.hidden[call["ReceiptHandle"]] = call["VisibilityTimeout"]

    monkeypatch.setattr(module.sqs, "change_message_visibility", change)
    account.mails()
    return notifier


def sqs_record(body: str, message_id: str, receipt: str, receives: int = 1) -> dict[str, Any]:
    return {
        "messageId": message_id,
        "receiptHandle": receipt,
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:notices",
    }


def record(job: Job) -> dict[str, Any]:
    """As the pipe puts it into the queue."""
    image = {name: TypeSerializer().serialize(value) for name, value in job.to_item().items()}
    return {"eventID": str(uuid.uuid4()), "eventName": "MODIFY", "dynamodb": {"NewImage": image}}


def succeeded() -> Job:
    job_id = str(uuid.uuid4())
    return Job(
        job_id=job_id,
        worker="summariser",
        input={"text": "a"},
        status=Status.SUCCEEDED,
        attempt=1,
        started_at="2026-11-20T09:00:00.000Z",
        completed_at="2026-11-20T09:00:12.345Z",
        duration_seconds=12.345,
        result_bucket="results",
        result_key=f"summariser/{job_id}/result.json",
    )


def failed() -> Job:
    return Job(
        job_id=str(uuid.uuid4()),
        worker="summariser",
        input={},
        status=Status.FAILED,
        reason="<b> & corrupt image",
        completed_at="2026-11-20T09:00:12.345Z",
    )


# --- what the notices say ------------------------------------------------------------------------------------


def test_slack_gets_a_section_and_a_button_for_the_result(notifier: Notifier, receiver: Receiver):
    job = succeeded()
    assert notifier(job) == {}
    [message] = receiver.to("slack")
    section, actions = message["blocks"]
    text = section["text"]["text"]
    assert section["type"] == "section"
    assert section["text"]["type"] == "mrkdwn"
    assert all(part in text for part in (f"`{job.job_id}`", "SUCCEEDED", "summariser", "12.3 s"))
    [button] = actions["elements"]
    assert button["text"] == {"type": "plain_text", "text": "Download Results"}
    assert f"/summariser/{job.job_id}/result.json?" in button["url"]
    assert "X-Amz-Expires=43200" in button["url"]


def test_slack_gets_the_reason_of_a_failure_and_no_button(notifier: Notifier, receiver: Receiver):
    notifier(failed())
    [message] = receiver.to("slack")
    [section] = message["blocks"]
    assert "Reason: &lt;b&gt; &amp; corrupt image" in section["text"]["text"]


def test_notion_gets_a_page_with_the_four_properties(notifier: Notifier, receiver: Receiver):
    job = succeeded()
    notifier(job)
    [(_, headers, page)] = [call for call in receiver.calls if call[0] == "/v1/pages"]
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Notion-Version"] == "2022-06-28"
    assert page == {
        "parent": {"database_id": "database"},
        "properties": {
            "Task ID": {"title": [{"text": {"content": job.job_id}}]},
            "Status": {"select": {"name": "SUCCEEDED"}},
            "Processing Time": {"number": 12.345},
            "Completed At": {"date": {"start": "2026-11-20T09:00:12.345Z"}},
        },
    }


def test_sns_gets_a_readable_message(notifier: Notifier, account: Account):
    job = failed()
    notifier(job)
    [mail] = account.mails()
    assert mail["Subject"] == "summariser: job failed"
    assert job.job_id in mail["Message"]
    assert "corrupt image" in mail["Message"]
    assert mail["MessageAttributes"]["status"] == {"Type": "String", "Value": "FAILED"}


def test_a_job_that_never_ran_has_a_notice_without_a_duration(notifier: Notifier, receiver: Receiver):
    job = Job(job_id=str(uuid.uuid4()), worker="summariser", input={}, status=Status.CANCELLED)
    assert notifier(job) == {}
    assert receiver.to("notion")[0]["properties"].keys() == {"Task ID", "Status"}
    assert "Duration" not in str(receiver.to("slack"))


# --- once ----------------------------------------------------------------------------------------------------


def test_a_job_is_told_once_however_often_its_record_comes(notifier: Notifier, receiver: Receiver, account: Account):
    job = succeeded()
    notifier(job, job)
    notifier(job)
    assert [len(receiver.to("slack")), len(receiver.to("notion")), len(account.mails())] == [1, 1, 1]


def test_only_the_channel_that_failed_is_repeated(notifier: Notifier, receiver: Receiver, account: Account):
    job = succeeded()
    receiver.fail("notion", 500)
    assert notifier(job) == {job.job_id: 30}
    assert notifier(job, receives=2) == {}
    assert [len(receiver.to("slack")), len(receiver.to("notion")), len(account.mails())] == [1, 2, 1]


def test_one_job_that_fails_does_not_hold_up_another(notifier: Notifier, receiver: Receiver):
    first, second = succeeded(), succeeded()
    receiver.fail("slack", 500)
    assert notifier(first, second).keys() == {first.job_id}
    assert len(receiver.to("notion")) == 2


def test_a_notice_that_is_under_way_elsewhere_is_tried_again_later(
    notifier: Notifier, module: ModuleType, monkeypatch: pytest.MonkeyPatch
):
    job, inner = succeeded(), {}

    class Overtaken:
        """While it sends, the same record is delivered to another invocation."""

        name = "overtaken"

        def send(self, job: Job, _: str | None) -> None:
            if not inner:
                inner["started"] = True
                inner["answer"] = module.handler({"Records": [sqs_record(json.dumps(record(job)), "2", "2")]}, CONTEXT)
                inner["sent"] = 1
            else:
                inner["sent"] += 1

    monkeypatch.setattr(module, "open_channels", [Overtaken()])
    monkeypatch.setattr(module, "_hide", lambda *_: None)
    notifier.handler({"Records": [sqs_record(json.dumps(record(job)), "1", "1")]}, CONTEXT)
    assert inner["answer"] == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert inner["sent"] == 1


def test_notices_are_remembered_longer_than_dead_letters_are_kept(notifier: Notifier):
    notifier(succeeded())
    items = table("idempotency").scan()["Items"]
    assert all(item["expiration"] > time.time() + 18 * 24 * 3600 for item in items if item["status"] == "COMPLETED")
    assert all(item["id"].startswith("notice") for item in items)


# --- wait ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_a_channel_is_not_asked_before_the_time_it_gave(notifier: Notifier, receiver: Receiver, status: int):
    jobs = [succeeded(), succeeded(), succeeded()]
    receiver.fail("slack", status, {"Retry-After": "1234"})
    waits = notifier(*jobs)
    assert waits.keys() == {job.job_id for job in jobs}
    assert all(1200 < wait <= 1234 for wait in waits.values())
    assert len(receiver.to("slack")) == 1
    assert len(receiver.to("notion")) == 3


def test_retry_after_may_be_a_date(notifier: Notifier, receiver: Receiver):
    job = succeeded()
    receiver.fail(
        "notion", 429, {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=500), usegmt=True)}
    )
    assert 480 < notifier(job)[job.job_id] <= 500


@pytest.mark.parametrize(
    ("header", "low", "high"), [("0", 0, 0), ("99999999", 42000, 43200), ("soon", 30, 30), ("-5", 30, 30)]
)
def test_odd_waiting_times_stay_within_what_a_queue_can_do(
    notifier: Notifier, receiver: Receiver, header: str, low: int, high: int
):
    job = succeeded()
    receiver.fail("slack", 429, {"Retry-After": header})
    assert low <= notifier(job)[job.job_id] <= high


def test_waits_double_with_each_receive_up_to_a_quarter_of_an_hour(notifier: Notifier, receiver: Receiver):
    waits = []
    for receives in (1, 2, 3, 20):
        receiver.fail("slack", 500)
        job = succeeded()
        waits.append(notifier(job, receives=receives)[job.job_id])
    assert waits == [30, 60, 120, 900]


@pytest.mark.parametrize("status", [302, 400, 404, 410])
def test_what_can_never_be_delivered_stays_for_the_dead_letters(notifier: Notifier, receiver: Receiver, status: int):
    job = succeeded()
    receiver.fail("slack", status, {"Location": "http://127.0.0.1:1/elsewhere"}, "no_service")
    assert notifier(job).keys() == {job.job_id}
    assert len(receiver.to("slack")) == 1


def test_a_record_that_cannot_be_read_stays_for_the_dead_letters_and_holds_up_nobody(
    notifier: Notifier, receiver: Receiver
):
    bodies = ["{", "[]", "{}", '{"dynamodb": {"NewImage": {"status": {"S": "FAILED"}}}}']
    records = [sqs_record(body, str(number), "receipt") for number, body in enumerate(bodies)]
    records.append(sqs_record(json.dumps(record(succeeded())), "good", "receipt"))
    answer = notifier.handler({"Records": records}, CONTEXT)
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["0", "1", "2", "3"]
    assert len(receiver.to("slack")) == 1


def test_records_of_anything_but_ended_jobs_are_dropped(notifier: Notifier, receiver: Receiver):
    queued = Job(job_id="a", worker="summariser", input={})
    places = {"dynamodb": {"NewImage": {"job_id": {"S": "places#summariser"}, "places": {"SS": ["a"]}}}}
    removed = {"eventName": "REMOVE", "dynamodb": {"Keys": {"job_id": {"S": "a"}}}}
    records = [sqs_record(json.dumps(body), "1", "receipt") for body in (record(queued), places, removed)]
    assert notifier.handler({"Records": records}, CONTEXT) == {"batchItemFailures": []}
    assert receiver.calls == []


# --- channels and secrets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "slack", "notion", "sns"),
    [
        ((), 0, 0, 0),
        (("SLACK_SECRET_ARN",), 1, 0, 0),
        (("NOTION_SECRET_ARN", "NOTION_DATABASE_ID", "NOTION_URL"), 0, 1, 0),
        (("NOTION_SECRET_ARN", "NOTION_URL"), 0, 0, 0),
        (("TOPIC_ARN",), 0, 0, 1),
    ],
)
def test_each_channel_is_optional(
    load: Callable[..., ModuleType],
    account: Account,
    receiver: Receiver,
    names: tuple[str, ...],
    slack: int,
    notion: int,
    sns: int,
):
    account.mails()
    base = ("NOTICES_TABLE", "NOTICES_QUEUE_URL")
    module = load("notifier", **{name: account.environment[name] for name in (*base, *names)})
    assert Notifier(module, account)(succeeded()) == {}
    assert [len(receiver.to("slack")), len(receiver.to("notion")), len(account.mails())] == [slack, notion, sns]


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize(
    "webhook",
    [
        f"http://127.0.0.1:{closed_port()}/services/hidden-webhook",
        "hidden-webhook, not a url",
        "http://[hidden-webhook",
        "ftp://hidden-webhook/",
        "http://127.0.0.1/hidden-webhook\r\nX: y",
    ],
    ids=["nobody listens", "words", "broken address", "another protocol", "a header inside"],
)
def test_a_webhook_that_does_not_work_is_not_written_to_the_log(
    load: Callable[..., ModuleType],
    account: Account,
    receiver: Receiver,
    webhook: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    caplog.set_level(logging.INFO)
    arn = boto3.client("secretsmanager").create_secret(Name=str(uuid.uuid4()), SecretString=webhook)["ARN"]
    module = load("notifier", **{**account.environment, "SLACK_SECRET_ARN": arn})
    monkeypatch.setattr(module, "_hide", lambda *_: None)
    answer = module.handler({"Records": [sqs_record(json.dumps(record(succeeded())), "1", "1")]}, CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert len(receiver.to("notion")) == 1
    logged = caplog.text + capfd.readouterr().out + "".join(str(vars(entry)) for entry in caplog.records)
    assert "notice not sent" in logged
    assert "hidden" not in logged


def test_a_token_that_is_no_header_is_not_written_to_the_log(
    load: Callable[..., ModuleType],
    account: Account,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    arn = boto3.client("secretsmanager").create_secret(Name=str(uuid.uuid4()), SecretString="hidden\ntoken")["ARN"]
    module = load("notifier", **{**account.environment, "NOTION_SECRET_ARN": arn})
    monkeypatch.setattr(module, "_hide", lambda *_: None)
    answer = module.handler({"Records": [sqs_record(json.dumps(record(succeeded())), "1", "1")]}, CONTEXT)
    assert len(answer["batchItemFailures"]) == 1
    assert "hidden" not in caplog.text + "".join(str(vars(entry)) for entry in caplog.records)


def test_a_missing_secret_keeps_the_notice_from_no_other_channel(
    load: Callable[..., ModuleType], account: Account, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    module = load("notifier", **{**account.environment, "SLACK_SECRET_ARN": "no-such-secret"})
    monkeypatch.setattr(module, "_hide", lambda *_: None)
    answer = module.handler({"Records": [sqs_record(json.dumps(record(succeeded())), "1", "1")]}, CONTEXT)
    assert len(answer["batchItemFailures"]) == 1
    assert len(receiver.to("notion")) == 1


def test_a_secret_is_read_once_for_many_notices(
    notifier: Notifier, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    notifier(succeeded())
    reads: list[str] = []
    monkeypatch.setattr(
        "moto.secretsmanager.models.SecretsManagerBackend.get_secret_value",
        lambda *_, **__: reads.append("read"),
    )
    notifier(succeeded())
    assert reads == []
    assert len(receiver.to("slack")) == 2
