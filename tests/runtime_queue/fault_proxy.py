"""Stands between tasks and moto, and lets a share of the calls fail in the ways in which AWS does."""

from __future__ import annotations

import json
import random
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class FaultProxy:
    """A context manager. share: of the calls that fail while `on`. failed: how many have, by kind of fault."""

    def __init__(self, endpoint: str, *, share: float, seed: int):
        self.on = True
        self.failed: Counter[str] = Counter()
        upstream, chance, lock = urlsplit(endpoint).netloc, random.Random(seed), Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with lock:
                    fails = proxy.on and chance.random() < share
                    fault = chance.choice(["throttled", "broken", "lost call", "lost answer"]) if fails else ""
                    proxy.failed[fault] += 1
                if fault == "throttled":
                    self.answer(*self.throttling())
                elif fault == "broken":
                    self.answer(500, b"", "text/plain")
                elif fault == "lost call":
                    self.close_connection = True
                else:
                    self.forward(body, lost=fault == "lost answer")

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve

            def throttling(self) -> tuple[int, bytes, str]:
                service = self.headers.get("X-Amz-Target", "").partition(".")[0]
                if service == "AmazonSQS":
                    return (
                        400,
                        json.dumps({"__type": "com.amazonaws.sqs#RequestThrottled"}).encode(),
                        "application/json",
                    )
                if service.startswith("DynamoDB"):
                    code = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
                    return 400, json.dumps({"__type": code}).encode(), "application/json"
                return 503, SLOW_DOWN, "application/xml"

            def forward(self, body: bytes, *, lost: bool) -> None:
                connection = HTTPConnection(upstream)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                if lost:
                    self.close_connection = True
                    return
                kept = {name: value for name, value in answer.headers.items() if name.lower() in KEPT}
                self.answer(answer.status, content, kept.pop("Content-Type", ""), **kept)

            def answer(self, status: int, content: bytes, kind: str, **headers: str) -> None:
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FaultProxy:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


KEPT = {"content-type", "etag", "last-modified", "x-amzn-requestid", "x-amz-crc32"}
