"""A stack with workers in Kubernetes that is up in this process, as the program declares it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))  # a project of its own is what those tests have, too
from sandbox_project import Project

from components.stackfile import engine_config
from sandbox.cloud import Cloud
from sandbox.control import Control
from sandbox.deployment import Deployment, fresh_cloud
from sandbox.kubernetes_workers import KubernetesWorker, kubernetes_workers

STACK = "test"
FACTOR = 20  # so that a pause of ten seconds takes half a one
HANDLER = """
from pathlib import Path
from workers.runtime import BadInput

def handle(input, context):
    do = input.get("source", {}).get("do", "it")
    if do == "wait" and context.attempt == 1 and Path(input["gate"]).exists():
        Path(input["gate"]).read_text()
    if do == "fail" or (do == "stumble" and context.attempt < 3):
        raise OSError("the warehouse does not answer")
    if do == "refuse":
        raise BadInput("the orders are no CSV")
    context.objects.write("part.csv", b"1", "text/csv")
    return {"did": do, "at": input.get("scheduled_at"), "attempt": context.attempt}
"""
INPUT = {
    "type": "object",
    "properties": {"source": {"type": "object"}, "gate": {"type": "string"}, "scheduled_at": {"type": "string"}},
}
SOURCES = [{"name": do, "do": do} for do in ("it", "stumble", "fail", "refuse")]


class LiveKubernetes:
    """project: its folder. gate: path at which the worker `held` waits, if there is a pipe."""

    def __init__(self, cloud: Cloud, project: Path):
        self.cloud, self.project, self.gate = cloud, project, project / "gate"

    def worker(self, name: str) -> KubernetesWorker:
        return kubernetes_workers(self.cloud)[name]

    def results(self, *place: str) -> list[dict[str, Any]]:
        """Of a worker's runs, in no order. place: the worker, and whatever follows it in the key."""
        s3 = self.cloud.client("s3")
        [bucket] = [one["Name"] for one in s3.list_buckets()["Buckets"] if "-results-" in one["Name"]]
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="/".join(place)).get("Contents", [])
        keys = [thing["Key"] for thing in listed if thing["Key"].endswith("/result.json")]
        return [json.load(s3.get_object(Bucket=bucket, Key=key)["Body"]) for key in keys]


def write_project(folder: Path) -> Path:
    """loader: a source each that succeeds, stumbles twice, fails for ever, is refused; at two in Berlin.
    single: without a schedule or sources. held: waits at the gate."""
    project = Project(folder)
    gate = str(folder / "gate")
    for name, trigger in (
        ("loader", {"schedule": "0 2 * * *", "timezone": "Europe/Berlin", "parallelism": 2, "sources": SOURCES,
                    "retries_per_index": 2, "suspend": True}),
        ("single", {}),
        ("held", {"sources": [{"name": "held", "do": "wait"}], "input": {"gate": gate}, "suspend": True}),
    ):  # fmt: skip
        manifest: dict[str, Any] = {"trigger": {"kubernetes": trigger}, "input": INPUT}
        _add(project, name, manifest)
    project.write_stack(
        STACK,
        kubernetes={"cluster": {"existing": "data-platform"}, "namespace": "batch"},
        workers={"loader": {}, "single": {}, "held": {}},
    )
    return folder


def _add(project: Project, name: str, manifest: dict[str, Any]) -> None:
    import yaml

    project.add_worker(name, **manifest)
    worker = project.folder / "workers" / name
    written = yaml.safe_load((worker / "worker.yaml").read_text())
    del written["retry"]  # Kubernetes has its own
    (worker / "worker.yaml").write_text(yaml.safe_dump(written, sort_keys=False))
    (worker / "handler.py").write_text(HANDLER)


@contextmanager
def live_kubernetes(folder: Path) -> Iterator[LiveKubernetes]:
    config = engine_config(folder, STACK)
    with fresh_cloud(folder, STACK, config) as cloud:
        cloud.compute.clock.factor = FACTOR
        Deployment(folder, STACK, config, cloud)
        with closing(Control(cloud)):
            yield LiveKubernetes(cloud, folder)
