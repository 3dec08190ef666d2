"""How long 50 sources of unequal length take at parallelism 10, by the sandbox's engine of Kubernetes.

    python benchmarks/kubernetes_makespan.py [--factor 120] [--seed 1]

The CronJob is the one that the program makes of etl_processor's manifest, started by hand, with its own indexes, places
and policies; a pod is a process that sleeps as long as its source takes, by a clock that is hurried --factor times.
`kubernetes_makespan.md` has what came of it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from components.kubernetes_objects import Workload, namespace_objects, worker_objects  # noqa: E402
from components.kubernetes_settings import Quota  # noqa: E402
from components.manifest import read_manifest  # noqa: E402
from components.task import FargateTaskArgs  # noqa: E402
from sandbox.clock import Clock  # noqa: E402
from sandbox.compute.kubernetes import Kubernetes  # noqa: E402
from sandbox.compute.kubernetes.pod import Ending, Pod  # noqa: E402

WORKER, NAMESPACE = "etl_processor", "batch"
SHORTEST, LONGEST = 5 * 60, 15 * 60  # seconds that a source takes


class Sleeper:
    """A pod's process."""

    def __init__(self, seconds: float, began: Callable[[], None], ended: Callable[[Ending], None]):
        self._process = subprocess.Popen(["sleep", f"{seconds}"])
        self._thread = threading.Thread(target=self._run, args=(began, ended))
        self._thread.start()

    def _run(self, began: Callable[[], None], ended: Callable[[Ending], None]) -> None:
        began()
        code = self._process.wait()
        ended(Ending(code, "Error" if code else "Completed"))

    def stop(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def exhaust(self) -> None:
        self.kill()

    def join(self) -> None:
        self._thread.join()


def objects() -> list[dict[str, Any]]:
    """The namespace's, and the worker's; its CronJob, which starts nothing by itself, is the last."""
    manifest, problems = read_manifest(REPOSITORY / "workers" / WORKER / "worker.yaml", "worker.yaml")
    assert manifest and manifest.trigger.kubernetes, problems
    size = manifest.resources
    task = FargateTaskArgs(
        image="etl", repository_arn=None, cpu=int(size.vcpu * 1024), memory=size.memory_mib, scratch=size.scratch_gib,
        architecture=size.architecture, environment={}, secrets={}, statements=(), log_retention_days=1,
    )  # fmt: skip
    workload = Workload(
        name=WORKER, namespace=NAMESPACE, region="eu-central-1", trigger=manifest.trigger.kubernetes,
        timeout=size.timeout_seconds, suspended=True, task=task, environment={}, role_arn=None, own_nodes=True,
        secrets="csi", pod_identity=True, queue=None,
    )  # fmt: skip
    return [*namespace_objects(NAMESPACE, "1.34", Quota(), (), True), *worker_objects(workload)]


def makespan(lengths: Sequence[float], parallelism: int, factor: float) -> float:
    """Seconds by the hurried clock, from the Job's start to its completion. lengths: of the indexes, in seconds."""
    clock, over = Clock(factor), threading.Semaphore(0)

    def start(pod: Pod, began: Callable[[], None], ended: Callable[[Ending], None]) -> Sleeper:
        def note_end(ending: Ending) -> None:
            ended(ending)
            over.release()

        assert pod.index is not None
        return Sleeper(lengths[pod.index] / factor, began, note_end)

    kubernetes = Kubernetes(clock, start)
    for one in objects():
        if one["kind"] == "CronJob":
            one["spec"]["jobTemplate"]["spec"]["parallelism"] = parallelism
        kubernetes.create(one)
    job = kubernetes.run(NAMESPACE, WORKER.replace("_", "-"), clock.now())
    for _ in lengths:
        over.acquire()
    status = kubernetes.job(NAMESPACE, job)["status"]
    kubernetes.close()
    clock.close()
    if status["succeeded"] != len(lengths):
        sys.exit(f"{status['succeeded']} of {len(lengths)} indexes succeeded: {status['conditions']}")
    begin, end = (datetime.fromisoformat(status[name]) for name in ("startTime", "completionTime"))
    return (end - begin).total_seconds()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factor", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    spec = objects()[-1]["spec"]["jobTemplate"]["spec"]
    count, parallelism = spec["completions"], spec["parallelism"]
    random = Random(given.seed)
    lengths = [random.uniform(SHORTEST, LONGEST) for _ in range(count)]
    least = max(*lengths, sum(lengths) / parallelism)
    runs = {
        "one after another": makespan(lengths, 1, given.factor),
        f"parallelism {parallelism}": makespan(lengths, parallelism, given.factor),
        f"parallelism {parallelism}, longest first": makespan(sorted(lengths, reverse=True), parallelism, given.factor),
    }
    print(
        f"{count} sources, {min(lengths) / 60:.1f} to {max(lengths) / 60:.1f} min, {sum(lengths) / 60:.1f} min in all"
    )
    print(
        f"Lower bound at parallelism {parallelism}: {least / 60:.1f} min; the clock was hurried {given.factor:g} times"
    )
    print("| way | makespan, min | against the lower bound | against one after another |\n|---|---|---|---|")
    alone = runs["one after another"]
    for way, seconds in runs.items():
        print(f"| {way} | {seconds / 60:.1f} | {seconds / least:.2f} | {alone / seconds:.2f} |")


if __name__ == "__main__":
    main()
