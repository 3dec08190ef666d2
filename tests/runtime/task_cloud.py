"""Real tasks (processes) on a real queue, table and buckets (moto). The worker that they run is `probe.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3

from jobs import Job, JobStore

ACCOUNT_TASKS = "arn:aws:ecs:eu-central-1:123456789012:task"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "eu-central-1",
    "WORKER": "probe",
    "JOBS": "a-r2:3,b:1",
    "JOBS_TABLE": "jobs",
    "QUEUE_URL": "queue",
    "DLQ_URL": "dead-letter queue",
    "RESULTS_BUCKET": "results",
    "UPLOADS_BUCKET": "uploads",
    "TIMEOUT_SECONDS": "20",
    "MAX_ATTEMPTS": "2",
    "BACKOFF_SECONDS": "0",
    "VCPU": "0.5",
    "MEMORY_GB": "1",
    "ARCHITECTURE": "x86_64",
    "CAPACITY_PROVIDER": "FARGATE_SPOT",
    "ECS_CONTAINER_METADATA_URI_V4": "http://agent",
    "POWERTOOLS_SERVICE_NAME": "probe",
    "POWERTOOLS_METRICS_NAMESPACE": "serverless-batch",
}


@dataclass
class Task:
    """A running task. lines: what it has written so far, one JSON object a line."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)

    def begun(self) -> Task:
        """Waits until handle() runs."""
        while not any(line.get("message") == "begun" for line in self.lines):
            self.lines.append(json.loads(self._read()))
        return self

    def _read(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"the task ended too early, after {self.lines}"
        return line

    def exit_code(self) -> int:
        """Waits for the end."""
        assert self.process.stdout
        self.lines += [json.loads(line) for line in self.process.stdout]
        return self.process.wait()

    def metrics(self) -> dict[str, float]:
        """Sums of what the task has emitted."""
        emitted = [line for line in self.lines if "_aws" in line]
        names = {m["Name"] for line in emitted for c in line["_aws"]["CloudWatchMetrics"] for m in c["Metrics"]}
        return {name: sum(sum(line.get(name, [])) for line in emitted) for name in names}

    def messages(self) -> list[str]:
        return [line["message"] for line in self.lines if "message" in line]


class Cloud:
    """A worker's queue, dead-letter queue, table and buckets, and what the launcher would do."""

    def __init__(self, endpoint: str, agent: str, app: Path):
        self._app = app
        session = boto3.Session("test", "test", region_name="eu-central-1")
        self.sqs = session.client("sqs", endpoint_url=endpoint)
        self.s3 = session.client("s3", endpoint_url=endpoint)
        dynamodb: Any = session.resource("dynamodb", endpoint_url=endpoint)
        self.name = uuid.uuid4().hex[:12]
        dynamodb.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "job_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "job_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.table = dynamodb.Table(self.name)
        self.store = JobStore(self.name, dynamodb)
        self.queue, self.dlq = (self._create_queue(f"{self.name}{suffix}.fifo") for suffix in ("", "-dlq"))
        self.uploads, self.results = f"uploads-{self.name}", f"results-{self.name}"
        for bucket in (self.uploads, self.results):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self._environment = ENVIRONMENT | {
            "AWS_ENDPOINT_URL": endpoint,
            "JOBS_TABLE": self.name,
            "QUEUE_URL": self.queue,
            "DLQ_URL": self.dlq,
            "RESULTS_BUCKET": self.results,
            "UPLOADS_BUCKET": self.uploads,
            "ECS_CONTAINER_METADATA_URI_V4": f"{agent}/{self.name}",
        }

    def _create_queue(self, name: str) -> str:
        return self.sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})["QueueUrl"]

    def launch(self, input: dict[str, Any]) -> Job:
        """A new job, queued, received and given its first attempt."""
        job = self.store.create(Job(job_id=uuid.uuid4().hex, worker="probe", input=input))
        self.sqs.send_message(
            QueueUrl=self.queue,
            MessageBody=json.dumps({"job_id": job.job_id}),
            MessageGroupId=job.job_id,
            MessageDeduplicationId=job.job_id,
        )
        return self.relaunch(job)

    def relaunch(self, job: Job) -> Job:
        """Its next attempt, with the message that is visible now."""
        message = self.receive(self.queue)
        assert message and json.loads(message["Body"]) == {"job_id": job.job_id}
        self.store.reserve(job, 10)
        return self.store.launch(job, message["ReceiptHandle"])

    def receive(self, queue: str) -> dict[str, Any] | None:
        answer = self.sqs.receive_message(
            QueueUrl=queue, VisibilityTimeout=300, AttributeNames=["All"], MessageAttributeNames=["All"]
        )
        return next(iter(answer.get("Messages", [])), None)

    def messages(self, queue: str) -> tuple[int, int]:
        """How many are visible, and how many are in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def places(self) -> set[str]:
        return self.table.get_item(Key={"job_id": "places#probe"}).get("Item", {}).get("places", set())

    def written(self) -> dict[str, bytes]:
        """Every object in the results bucket."""
        keys = [o["Key"] for o in self.s3.list_objects_v2(Bucket=self.results).get("Contents", [])]
        return {key: self.s3.get_object(Bucket=self.results, Key=key)["Body"].read() for key in keys}

    def start(self, *jobs: Job, **environment: str) -> Task:
        listed = ",".join(f"{job.job_id}:{job.attempt}" for job in jobs)
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.runtime"],
            cwd=self._app,
            env=self._environment | {"JOBS": listed, "TMPDIR": str(self._app / "tmp")} | environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        return Task(process)

    def get(self, job: Job) -> Job:
        found = self.store.get(job.job_id)
        assert found
        return found


class Stub:
    """An HTTP server that answers each request with what `respond(method, path)` returns: status and body."""

    def __init__(self, respond: Callable[[str, str], tuple[int, bytes]]):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body = respond(self.command, self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Stub:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def metadata(_: str, path: str) -> tuple[int, bytes]:
    """The ECS agent of a task whose name is the first part of the path."""
    _, name, *rest = path.split("/")
    return (200, json.dumps({"TaskARN": f"{ACCOUNT_TASKS}/{name}"}).encode()) if rest == ["task"] else (404, b"")
