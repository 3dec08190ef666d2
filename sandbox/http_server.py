"""HTTP on a free port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable

from werkzeug import Request, Response
from werkzeug.serving import make_server

CLOSE_POLL_SECONDS = 0.05  # how long closing takes at the most


class HttpServer:
    """Serves until it is closed, each request in a thread of its own. url: without a slash at the end."""

    def __init__(self, answer: Callable[[Request], Response]):
        self._server = make_server("127.0.0.1", 0, Request.application(answer), threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(CLOSE_POLL_SECONDS,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
