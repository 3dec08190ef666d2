"""How fast a queue's task is with messages that ask for no work: against the document's loop and against Celery.

    python benchmarks/queue_throughput.py

All of them drain the same ElasticMQ in one run, turn by turn. `queue_throughput.md` says what it needs and what came
of it.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import boto3

REPOSITORY = Path(__file__).resolve().parents[1]
ELASTICMQ = "org.elasticmq:elasticmq-server_2.13:1.6.12"
CELERY = "celery[sqs]==5.7.0"
REGION = "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")

DOCUMENT_LOOP = """
    import json, os, boto3
    sqs, queue = boto3.client("sqs"), os.environ["QUEUE_URL"]
    while True:
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1, WaitTimeSeconds=20, VisibilityTimeout=300)
        for message in found.get("Messages", []):
            body = json.loads(message["Body"])
            body["input"]["bucket"], body["input"]["key"]
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
"""
CELERY_APP = """
    import os
    from celery import Celery
    app = Celery("noop", broker="sqs://x:x@" + os.environ["BROKER"])
    app.conf.update(
        task_default_queue="celery", task_ignore_result=True, worker_enable_remote_control=False,
        worker_send_task_events=False, broker_connection_retry_on_startup=True,
        worker_prefetch_multiplier=int(os.environ["PREFETCH"]),
        broker_transport_options={
            "region": "eu-central-1", "is_secure": False, "wait_time_seconds": 20, "visibility_timeout": 300,
            "polling_interval": 0.01,  # it also waits so long when it holds all it may; the default is 1 s
            "predefined_queues": {"celery": {"url": os.environ["QUEUE"]}},
        },
    )
    @app.task(name="noop")
    def noop(input):
        return None
"""
HANDLER = """
    def handle(input, context):
        return {}
"""


class Missing(Exception):
    """Something to compare with is not on this machine. The message says how to get it."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=10_000, help="that a task of ours drains in a turn")
    options.add_argument("--turns", type=int, default=3)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, elasticmq() as endpoint:
        bench = Bench(Path(folder), endpoint)
        bench.warm_up()
        contestants = bench.contestants()
        rounds = {name: [] for name in contestants}
        for _ in range(chosen.turns):
            for name, contestant in contestants.items():
                count = chosen.messages // (1 if name.startswith("task") else 5)
                rounds[name].append(bench.drain(contestant, count))
                print(f"  {name}: {rounds[name][-1].rate:,.0f} messages/s", file=sys.stderr, flush=True)
        tell(rounds)
        for name in ("task, cpu", *(name for name in contestants if name.startswith("Celery"))):
            found = bench.count_requests(contestants[name], 2000)
            print(f"requests a message, {name}: {sum(found.values()) / 2000:.3f}  {dict(found)}")
        bench.memory(contestants["task, cpu"], 5 * chosen.messages)
        bench.once()


@dataclass(frozen=True)
class Drained:
    """rate: messages a second, from the first to the last. cpu_ms: of the contestant's processes, for a message."""

    rate: float
    cpu_ms: float


@dataclass(frozen=True)
class Contestant:
    """environment: for a queue's URL. body: of a message that it understands."""

    command: list[str]
    environment: Callable[[str], dict[str, str]]
    body: Callable[[int], str]


def tell(rounds: dict[str, list[Drained]]) -> None:
    medians = {name: statistics.median(turn.rate for turn in turns) for name, turns in rounds.items()}
    base = medians["document's loop"]
    for name, turns in rounds.items():
        against = [turn.rate / loop.rate for turn, loop in zip(turns, rounds["document's loop"], strict=True)]
        cpu = statistics.median(turn.cpu_ms for turn in turns)
        print(
            f"{name:24} {medians[name]:7,.0f} messages/s  {medians[name] / base:5.1f} × the loop"
            f" ({min(against):.1f} to {max(against):.1f})  {cpu:.2f} ms CPU a message"
        )
    if celery := max((rate for name, rate in medians.items() if name.startswith("Celery")), default=None):
        print(f"task, cpu: {medians['task, cpu'] / celery:.1f} × the faster Celery")


class Bench:
    def __init__(self, folder: Path, endpoint: str):
        self._folder = folder
        self._endpoint = endpoint
        self._sqs: Any = boto3.client(
            "sqs", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x"
        )
        self._numbers = itertools.count()
        for path, text in {
            "loop.py": DOCUMENT_LOOP,
            "noop_app.py": CELERY_APP,
            "workers/noop/handler.py": HANDLER,
            "workers/noop/worker.yaml": "input: {type: object}",
        }.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(textwrap.dedent(text))
        (folder / "workers/__init__.py").symlink_to(REPOSITORY / "workers/__init__.py")
        (folder / "workers/runtime").symlink_to(REPOSITORY / "workers/runtime")

    def contestants(self) -> dict[str, Contestant]:
        found = {
            "document's loop": Contestant(
                [sys.executable, "loop.py"],
                lambda queue: {"QUEUE_URL": queue, "AWS_ENDPOINT_URL_SQS": _endpoint(queue)},
                _body,
            ),
            "task, cpu": self.task(),
            "task, io": self.task(WORK="io"),
        }
        try:
            python = celery_python()
        except Missing as error:
            print(error, file=sys.stderr)
            return found
        body = self._celery_message(python)
        for pool in ("prefork", "solo"):
            found[f"Celery, {pool}"] = Contestant(
                [python, "-m", "celery", "-A", "noop_app", "worker", "-P", pool, "-c", "1", "-Q", "celery"],
                _celery_environment,
                body,
            )
        return found

    def task(self, **settings: str) -> Contestant:
        """A task of a service, for one message at a time."""
        environment = {
            "MODE": "queue",
            "WORKER": "noop",
            "WORK": "cpu",
            "CONCURRENCY": "1",
            "EFFECT": "repeatable",
            "FIFO": "0",
            "DLQ_URL": self._new_queue(),
            "IDEMPOTENCY_TABLE": "idempotency",
            "UPLOADS_BUCKET": "uploads",
            "RESULTS_BUCKET": "results",
            "TIMEOUT_SECONDS": "60",
            "VISIBILITY_SECONDS": "180",
            "MAX_ATTEMPTS": "3",
            "BACKOFF_SECONDS": "10",
            "MEMORY_GB": "1",
            "AWS_REGION": REGION,
            "POWERTOOLS_SERVICE_NAME": "noop",
            "POWERTOOLS_METRICS_NAMESPACE": "serverless-batch",
        }
        return Contestant(
            [sys.executable, "-m", "workers.runtime"],
            lambda queue: environment | settings | {"QUEUE_URL": queue, "AWS_ENDPOINT_URL_SQS": _endpoint(queue)},
            _body,
        )

    def _celery_message(self, python: str) -> Callable[[int], str]:
        """Makes messages like the one that Celery sends for a task, each with an id of its own."""
        queue = self._new_queue()
        send = "import noop_app; noop_app.noop.delay(" + repr(json.loads(_body(0))["input"]) + ")"
        environment = os.environ | CREDENTIALS | _celery_environment(queue)
        subprocess.run([python, "-c", send], cwd=self._folder, env=environment, check=True)
        (message,) = self._sqs.receive_message(QueueUrl=queue)["Messages"]
        text = base64.b64decode(message["Body"]).decode()
        id = json.loads(text)["headers"]["id"]
        return lambda number: base64.b64encode(text.replace(id, str(uuid.UUID(int=number))).encode()).decode()

    def _new_queue(self) -> str:
        """A queue that nobody polls: the server would give its first messages to a poll whose process is gone."""
        return self._sqs.create_queue(QueueName=f"queue-{next(self._numbers)}")["QueueUrl"]

    def warm_up(self) -> None:
        """The server compiles what it runs often; nobody should be the first."""
        url = self._new_queue()
        self.fill(url, 3000, _body)
        for count in [1] * 500 + [10] * 250:
            found = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=count)["Messages"]
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(found)]
            self._sqs.delete_message_batch(QueueUrl=url, Entries=entries)

    def fill(self, queue: str, count: int, body: Callable[[int], str]) -> None:
        def send(start: int) -> None:
            entries = [{"Id": str(n), "MessageBody": body(n)} for n in range(start, start + 10)]
            self._sqs.send_message_batch(QueueUrl=queue, Entries=entries)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(send, range(0, count, 10)))

    def drain(self, contestant: Contestant, count: int, watch: Callable[[int, int], None] | None = None) -> Drained:
        """watch: called now and then with the number of messages left and the contestant's process id."""
        queue = self._new_queue()
        self.fill(queue, count, contestant.body)
        with self._started(contestant, queue) as process:
            left = self._wait(queue, lambda left: left < count)
            began, before, of = time.monotonic(), _cpu_ms(process.pid), left
            while left:
                time.sleep(0.1)
                left = self._left(queue)
                if watch:
                    watch(left, process.pid)
            return Drained(of / (time.monotonic() - began), (_cpu_ms(process.pid) - before) / of)

    def _started(
        self, contestant: Contestant, queue: str
    ) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
        environment = os.environ | CREDENTIALS | contestant.environment(queue)
        return _process(contestant.command, cwd=self._folder, env=environment)

    def _wait(self, queue: str, until: Callable[[int], bool]) -> int:
        deadline = time.monotonic() + 120
        while not until(left := self._left(queue)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{left} messages are left after two minutes")
            time.sleep(0.05)
        return left

    def _left(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def count_requests(self, contestant: Contestant, count: int) -> Counter[str]:
        """What it asks of SQS until the queue is empty."""
        queue = self._new_queue()
        self.fill(queue, count, contestant.body)
        with counting_proxy(self._endpoint) as (endpoint, requests):
            with self._started(contestant, queue.replace(self._endpoint, endpoint)):
                self._wait(queue, lambda left: not left)
                return Counter(requests)

    def memory(self, contestant: Contestant, count: int) -> None:
        """Memory of a task and its process, in MiB, while it works off so many messages; the first 1,000 warm it up."""
        seen: list[tuple[int, float]] = []
        self.drain(contestant, count, lambda left, pid: seen.append((count - left, _rss_mb(pid))))
        marks = [1000, 2000, 5000, *range(10_000, count + 1, 10_000)]
        shown = [(mark, next(rss for done, rss in seen if done >= mark)) for mark in marks]
        print("memory: " + ", ".join(f"{rss:.1f} MiB after {mark:,}" for mark, rss in shown))
        print(f"        peak {max(rss for _, rss in seen):.1f} MiB")

    def once(self) -> None:
        """What it costs to remember each message: against a table that answers at once."""
        rates = {}
        with table_stub() as (endpoint, requests):
            for effect in ("repeatable", "once"):
                rates[effect] = self.drain(self.task(EFFECT=effect, AWS_ENDPOINT_URL_DYNAMODB=endpoint), 3000)
        for effect, found in rates.items():
            print(f"EFFECT={effect}: {found.rate:,.0f} messages/s, {found.cpu_ms:.2f} ms CPU a message")
        print(f"               {sum(requests.values()) / 3000:.2f} requests of DynamoDB a message  {dict(requests)}")


def _body(number: int) -> str:
    input = {"bucket": "uploads-123456789012", "key": "uploads/2024/holiday.jpg", "etag": "0" * 32, "size": 4_000_000}
    return json.dumps({"id": f"{number:064x}", "input": input, "at": "2024-05-01T12:00:00Z"})


def _endpoint(queue: str) -> str:
    return f"http://{urlsplit(queue).netloc}"


def _celery_environment(queue: str) -> dict[str, str]:
    return {"BROKER": urlsplit(queue).netloc, "QUEUE": queue, "PREFETCH": "100"}


def celery_python() -> str:
    """A Python that has Celery."""
    python = os.environ.get("CELERY_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import celery, kombu.transport.SQS"], capture_output=True).returncode:
        raise Missing(
            f"Celery is left out. uv venv /tmp/celery && uv pip install --python /tmp/celery/bin/python '{CELERY}', "
            "then CELERY_PYTHON=/tmp/celery/bin/python"
        )
    return python


@contextlib.contextmanager
def elasticmq() -> Iterator[str]:
    """Address of a server with nothing in it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "java",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",  # the second compiler would be at work during the whole run
        "-Drest-sqs.bind-hostname=127.0.0.1",
        f"-Drest-sqs.bind-port={port}",
        "-Dnode-address.host=127.0.0.1",  # goes into the URLs of queues
        f"-Dnode-address.port={port}",
        "-Drest-stats.enabled=false",
        "-cp",
        elasticmq_classpath(),
        "org.elasticmq.server.Main",
    ]
    with _process(command):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"


def elasticmq_classpath() -> str:
    """From ELASTICMQ_CLASSPATH, or from the local Maven repository."""
    if given := os.environ.get("ELASTICMQ_CLASSPATH"):
        return given
    group, artifact, version = ELASTICMQ.split(":")
    with tempfile.TemporaryDirectory() as folder:
        pom, out = Path(folder, "pom.xml"), Path(folder, "classpath")
        pom.write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId>"
            f"<version>1</version><dependencies><dependency><groupId>{group}</groupId>"
            f"<artifactId>{artifact}</artifactId><version>{version}</version></dependency></dependencies></project>"
        )
        goal = ["dependency:build-classpath", f"-Dmdep.outputFile={out}"]
        try:
            subprocess.run(["mvn", "-o", "-q", "-f", str(pom), *goal], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            sys.exit(
                f"ElasticMQ is not in the local Maven repository: mvn dependency:get -Dartifact={ELASTICMQ}, "
                "or name its jars, joined by colons, in ELASTICMQ_CLASSPATH"
            )
        return out.read_text().strip()


@contextlib.contextmanager
def _process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *(descendant for child in children for descendant in _family(int(child)))]
    return [pid]


def _cpu_ms(pid: int) -> float:
    def used(pid: int) -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    return sum(used(member) for member in _family(pid)) * 1000 / TICKS


def _rss_mb(pid: int) -> float:
    pages = sum(int(Path(f"/proc/{member}/statm").read_text().split()[1]) for member in _family(pid))
    return pages * PAGE / 1024**2


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the second packet of an answer waits until the first is confirmed

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def _serving(handler: type[_Handler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@contextlib.contextmanager
def counting_proxy(endpoint: str) -> Iterator[tuple[str, Counter[str]]]:
    requests: Counter[str] = Counter()

    class Proxy(_Handler):
        def do_POST(self) -> None:
            body = self.body()
            action = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            if not action:  # the query protocol
                action = dict(pair.split("=", 1) for pair in body.decode().split("&")).get("Action", "?")
            requests[action] += 1
            upstream = HTTPConnection(urlsplit(endpoint).netloc)
            upstream.request("POST", self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
            upstream.close()
            with contextlib.suppress(OSError):
                self.answer(answer.status, content, answer.headers.get("Content-Type", ""))

    with _serving(Proxy) as address:
        yield address, requests


@contextlib.contextmanager
def table_stub() -> Iterator[tuple[str, Counter[str]]]:
    """Stands for DynamoDB: takes every write."""
    requests: Counter[str] = Counter()

    class Table(_Handler):
        def do_POST(self) -> None:
            self.body()
            requests[self.headers["X-Amz-Target"].rpartition(".")[2]] += 1
            self.answer(200, b"{}", "application/x-amz-json-1.0")

    with _serving(Table) as address:
        yield address, requests


if __name__ == "__main__":
    main()
