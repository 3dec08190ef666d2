"""Fixtures of the workers' tests: a context without AWS, and a web server; see `worker_fakes`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from worker_fakes import FakeObjects, WebServer

from workers.runtime import Context


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., Context]:
    """Makes the context of a job that finds `data` under the key "it"."""

    def make(data: bytes = b"", engine: Any = None) -> Context:
        return Context(
            job_id="job-1",
            worker="worker",
            attempt=1,
            log=SimpleNamespace(),  # type: ignore[arg-type]
            metrics=SimpleNamespace(),  # type: ignore[arg-type]
            workdir=tmp_path,
            objects=FakeObjects({"it": data}),  # type: ignore[arg-type]
            uploads="uploads",
            results="results",
            engine=engine,
            deadline=time.monotonic() + 60,
        )

    return make


@pytest.fixture
def web() -> Iterator[WebServer]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            server.calls.append(SimpleNamespace(path=self.path, headers=dict(self.headers), body=body))
            waiting = server.script.get(self.path, [(404, {}, b"")])
            status, headers, answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if "slow" in headers:
                server.silent.wait(10)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            try:
                self.wfile.write(answer)
            except OSError:  # the client has hung up, as it should in some tests
                pass

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = WebServer(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.silent.set()
    http.shutdown()
    thread.join()
    http.server_close()
