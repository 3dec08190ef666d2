"""A stack that is up in this process, and what a test does to it."""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3
from moto.sqs.models import sqs_backends
from sandbox_project import Project
from werkzeug import Request, Response

from components.stackfile import engine_config
from jobs import TERMINAL, Job, JobStore, Status
from sandbox.client import Client
from sandbox.cloud import Cloud
from sandbox.compute.fargate import Task
from sandbox.deployment import Deployment, fresh_cloud
from sandbox.invented import ACCOUNT
from sandbox.program import Recorded
from sandbox.receivers import Receivers, local_channels
from tests.waiting import until

STACK = "test"
PUT_OFF_SECONDS = 31  # the launcher hides a message that it could not serve for less, one that it served for longer


def alive(process: int) -> bool:
    """Whether there is a process of this number that has not ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


class Gate:
    """A named pipe at which a worker waits until the test opens it. path: of the pipe."""

    def __init__(self, path: Path):
        self.path = str(path)
        self._held: list[int] = []
        os.mkfifo(path)

    def wait_for_worker(self) -> None:
        """Until a worker waits at the gate, which stays shut for it."""
        until(self._reached)

    def _reached(self) -> bool:
        try:
            self._held.append(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # nobody reads
            return False
        return True

    def open(self) -> None:
        """Lets the worker go on that has been waited for."""
        while self._held:
            os.close(self._held.pop())


class BusyReceivers(Receivers):
    """slack_refusals: what Slack answers before it takes messages again, as values of Retry-After."""

    def __init__(self) -> None:
        self.slack_refusals: list[str] = []
        super().__init__()

    def _receive(self, request: Request) -> Response:
        if request.path == "/slack" and self.slack_refusals:
            return Response("rate_limited", 429, headers={"Retry-After": self.slack_refusals.pop()})
        return super()._receive(request)


class Live:
    """client: calls the API. store: reads the jobs table. receivers: Slack and Notion."""

    def __init__(self, cloud: Cloud, deployment: Deployment, receivers: BusyReceivers):
        self.cloud, self.deployment, self.receivers = cloud, deployment, receivers
        self.client = Client(deployment.url, deployment.key)
        self.sqs = cloud.client("sqs")
        dynamodb = boto3.resource("dynamodb", endpoint_url=cloud.endpoint, region_name=cloud.region,
                                  aws_access_key_id="sandbox", aws_secret_access_key="sandbox")  # fmt: skip
        self.store = JobStore(f"serverless-batch-{STACK}-jobs", dynamodb)
        self._topic = self.sqs.create_queue(QueueName="topic")["QueueUrl"]
        self._told: list[dict[str, Any]] = []
        topic = self.created("aws:sns/topic:Topic", "notices").outputs["arn"]
        endpoint = f"arn:aws:sqs:{cloud.region}:{ACCOUNT}:topic"
        cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)

    def created(self, type_: str, name: str) -> Recorded:
        """A resource of the stack."""
        [found] = [r for r in self.deployment.run.resources if (r.type, r.name) == (type_, name)]
        return found

    def submit(self, worker: str = "probe", **input: str) -> str:
        """The id of the new job."""
        return self.client.call("POST", "/jobs", {"worker": worker, "input": input})["job_id"]

    def job(self, job_id: str) -> Job:
        job = self.store.get(job_id)
        assert job
        return job

    def end(self, job_id: str) -> Job:
        """The job once it has ended and given its place back."""
        return until(lambda: job if (job := self.store.get(job_id)) and job.status in TERMINAL else None)

    def succeed(self, job_id: str) -> Job:
        job = self.end(job_id)
        assert job.status is Status.SUCCEEDED, job.reason
        return job

    def result(self, job_id: str) -> dict[str, Any]:
        return self.client.result(self.client.call("GET", f"/jobs/{job_id}"))

    def tasks(self, job_id: str) -> list[Task]:
        """Tasks that have been started for a job, whatever became of them."""
        tasks = list(self.cloud.compute.fargate._tasks.values())
        return [task for task in tasks if job_id in json.dumps(task.model.overrides)]

    def exit_codes(self, job_id: str) -> list[int]:
        """Of all tasks that have been started for a job, once they have ended."""
        until(lambda: all(task.model.last_status == "STOPPED" for task in self.tasks(job_id)))
        return [task.model.containers[0].exitCode for task in self.tasks(job_id)]

    def queue(self, name: str) -> str:
        """URL of a queue by the end of its name."""
        return self.sqs.get_queue_url(QueueName=f"serverless-batch-{STACK}-{name}")["QueueUrl"]

    def messages(self, name: str) -> list[Any]:
        """All messages in a queue, in flight or not, as moto keeps them."""
        queue = sqs_backends[ACCOUNT][self.cloud.region].get_queue(f"serverless-batch-{STACK}-{name}")
        return list(queue._messages)

    def message(self, job_id: str) -> Any | None:
        """The message that stands for a job in its worker's queue."""
        name = f"{self.job(job_id).worker}.fifo"
        return next((m for m in self.messages(name) if json.loads(m.body)["job_id"] == job_id), None)

    def put_off(self, job_id: str) -> None:
        """Waits until the launcher has received the job's message and could not serve it."""

        def hidden() -> bool:
            message = self.message(job_id)
            now = time.time() * 1000
            return message is not None and now < message.visible_at < now + PUT_OFF_SECONDS * 1000

        until(hidden)

    def surface(self, job_id: str) -> None:
        """Ends the visibility timeout of the job's message, instead of waiting for it."""
        message = self.message(job_id)
        assert message
        url = self.queue(f"{self.job(job_id).worker}.fifo")
        self.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message.receipt_handle, VisibilityTimeout=0)

    def send_again(self, job_id: str) -> None:
        """Another message for the same job."""
        self.sqs.send_message(
            QueueUrl=self.queue(f"{self.job(job_id).worker}.fifo"),
            MessageBody=json.dumps({"job_id": job_id}),
            MessageGroupId=job_id,
            MessageDeduplicationId=uuid.uuid4().hex,
        )

    def dead_letter(self, job_id: str) -> dict[str, Any]:
        """The job's message in its dead-letter queue, taken out of it."""
        url = self.queue(f"{self.job(job_id).worker}-dlq.fifo")

        def receive() -> dict[str, Any] | None:
            answer = self.sqs.receive_message(
                QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=10, VisibilityTimeout=0
            )
            found = [m for m in answer.get("Messages", []) if json.loads(m["Body"])["job_id"] == job_id]
            return found[0] if found else None

        message = until(receive)
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return message

    def told(self, job_id: str) -> dict[str, int]:
        """How often each channel has been told of a job."""
        for message in self.sqs.receive_message(QueueUrl=self._topic, MaxNumberOfMessages=10).get("Messages", []):
            self._told.append(json.loads(message["Body"]))
            self.sqs.delete_message(QueueUrl=self._topic, ReceiptHandle=message["ReceiptHandle"])
        channels = {"slack": self.receivers.slack, "notion": self.receivers.notion, "sns": self._told}
        named = re.compile(rf"{job_id}(?!-r\d)")  # a redriven job's id begins with that of the job
        return {name: sum(bool(named.search(json.dumps(m))) for m in told) for name, told in channels.items()}

    def is_told_once(self, job_id: str) -> bool:
        """Whether each channel has been told exactly once, when the notifier is done with all notices."""
        until(lambda: all(self.told(job_id).values()) and not self.messages("notices"))
        return set(self.told(job_id).values()) == {1}


@contextmanager
def deployed(project: Project) -> Iterator[Live]:
    """The project's stack `test` in a cloud of its own."""
    config = engine_config(project.folder, STACK)
    with fresh_cloud(project.folder, STACK, config) as cloud, closing(BusyReceivers()) as receivers:
        deployment = Deployment(project.folder, STACK, config | local_channels(cloud, receivers), cloud)
        yield Live(cloud, deployment, receivers)
