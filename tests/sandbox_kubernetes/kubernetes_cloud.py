"""A cloud with a cluster whose pods are processes, declared without a program. What they do, their environment says."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox_batch"))  # gates are the same there
from batch_cloud import Gate, until

from sandbox.cloud import Cloud

# WAIT: path of a pipe that holds the pod until the test opens it. HOLD: MiB of memory that it takes. EXIT: its code.
# STUBBORN: whether it ignores SIGTERM. Its first argument is a folder, to which it writes what it sees.
TASK = """
import json, os, pathlib, signal, sys, time
e = os.environ
if "STUBBORN" in e:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
scratch = pathlib.Path(e["TMPDIR"])
(scratch / "written").write_text("x")
seen = {"arguments": sys.argv[2:], "environment": dict(e)}
for name in ("FILE", "SECRET_FILE"):
    if name in e:
        seen[name] = pathlib.Path(e[name]).read_text()
pathlib.Path(sys.argv[1], e["POD_NAME"] + ".json").write_text(json.dumps(seen))
print("began", e["POD_NAME"], flush=True)
if gate := e.get("WAIT"):
    pathlib.Path(gate).read_text()
if size := e.get("HOLD"):
    held = bytearray(int(size) * 1024**2)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(60)
sys.exit(int(e.get("EXIT", 0)))
"""
NAME = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}


class KubernetesCloud:
    """notes: folder with what each pod has seen."""

    def __init__(self, folder: Path):
        self._folder, self.notes = folder, folder / "notes"
        self.notes.mkdir()
        worker = folder / "project" / "workers" / "probe"
        worker.mkdir(parents=True)
        (folder / "project" / "workers" / "__init__.py").touch()
        (worker / "task.py").write_text(TASK)
        self.cloud = Cloud("eu-central-1", folder / "project", folder / "cloud")
        self.kubernetes = self.cloud.compute.kubernetes

    def create(self, kind: str, name: str, *, api: str = "core/v1", **body: Any) -> None:
        """As the program does it, numbers as floats included."""
        metadata = {"name": name, "namespace": "default", **body.pop("metadata", {})}
        self.cloud.create(f"kubernetes:{api}:{kind}", name, {"kind": kind, "metadata": metadata, **body})

    def job(self, env: Mapping[str, Any] | None = None, **changes: Any) -> None:
        """The Job `etl` of one pod. env: variables. changes: of the pod's spec; of its container under `container`."""
        plain = {"WORKER": "probe", **(env or {})}
        variables = [{"name": key, "value": str(value)} for key, value in plain.items()]
        own = changes.pop("container", {})
        command = ["python", "workers/probe/task.py", str(self.notes)]
        container: dict[str, Any] = {"name": "worker", "image": "x", "command": command}
        container |= own | {"env": [NAME, *variables, *own.get("env", [])]}
        pod = {"restartPolicy": "Never", "containers": [container], **changes}
        spec = {"completions": 1.0, "backoffLimit": 0.0, "template": {"spec": pod}}
        self.create("Job", "etl", api="batch/v1", spec=spec)

    def gate(self) -> Gate:
        return Gate(self._folder / "gate")

    def pod(self) -> dict[str, Any]:
        """The Job's only one."""
        [pod] = self.kubernetes.pods("default", "etl")
        return pod

    def ended(self) -> dict[str, Any]:
        """How the pod's container ended, once it has."""
        until(lambda: self.pod()["status"]["phase"] in ("Succeeded", "Failed"))
        return self.pod()["status"]["containerStatuses"][0]["state"]["terminated"]
