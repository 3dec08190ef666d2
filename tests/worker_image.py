"""What the runtime's tests run on: a worker's image as a folder, and a server for its calls of AWS."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from moto.server import ThreadedMotoServer

REPOSITORY = Path(__file__).parents[1]
RUNTIME = ("workers/__init__.py", "workers/runtime")
SHARED = ("jobs", *RUNTIME, "workers/engines")


def image(root: Path, handler: Path, manifest: str = "", shared: Sequence[str] = SHARED) -> Path:
    """What the image holds at its working directory, `root`, with `probe` for a worker.

    manifest: as YAML, if any. shared: what of the project is there besides.
    """
    (root / "workers/probe").mkdir(parents=True)
    (root / "tmp").mkdir()
    for part in shared:
        (root / part).symlink_to(REPOSITORY / part)
    (root / "workers/probe/handler.py").symlink_to(handler)
    if manifest:
        (root / "workers/probe/worker.yaml").write_text(manifest)
    return root


@contextmanager
def moto_server() -> Iterator[str]:
    """Its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
