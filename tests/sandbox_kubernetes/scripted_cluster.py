"""A cluster whose pods are no processes: a test says how and when each ends. Its clock stands still until stepped."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.clock import Clock
from sandbox.compute.kubernetes import Kubernetes
from sandbox.compute.kubernetes.pod import Ending, Pod

NAMESPACE = "default"
BERLIN = ZoneInfo("Europe/Berlin")
POD_SPEC: dict[str, Any] = {
    "restartPolicy": "Never",
    "containers": [{"name": "worker", "image": "x", "env": [{"name": "WORKER", "value": "probe"}]}],
}


class Script:
    """A pod's container, as a test has it end."""

    def __init__(self, pod: Pod, began: Callable[[], None], ended: Callable[[Ending], None], stubborn: bool):
        self.pod, self._began, self._ended, self._stubborn = pod, began, ended, stubborn
        self.told_to_stop = False

    def run(self) -> None:
        self._began()

    def exit(self, code: int, reason: str = "") -> None:
        self._ended(Ending(code, reason or ("Error" if code else "Completed")))

    def stop(self) -> None:
        self.told_to_stop = True
        if not self._stubborn:
            self.exit(143)

    def kill(self) -> None:
        self.exit(137)

    def exhaust(self) -> None:
        self.exit(137, "OOMKilled")

    def join(self) -> None: ...


class Cluster:
    """started: every container that has begun, in order."""

    def __init__(self, clock: Clock, places: int = 100):
        self.clock = clock
        self.started: list[Script] = []
        self.stubborn = False
        """Whether pods ignore SIGTERM from now on."""
        self.kubernetes = Kubernetes(clock, self._start, places)

    def _start(self, pod: Pod, began: Callable[[], None], ended: Callable[[Ending], None]) -> Script:
        self.started.append(Script(pod, began, ended, self.stubborn))
        return self.started[-1]

    def go_to(self, instant: str) -> None:
        """In UTC."""
        self.clock.step(dt.datetime.fromisoformat(instant).replace(tzinfo=dt.UTC).timestamp() - self.clock.now())

    def job(self, name: str = "etl", *, indexed: bool = True, **spec: Any) -> None:
        """Create one. spec: of the Job, besides its template."""
        if indexed:
            spec = {"completionMode": "Indexed"} | spec
        self.create("Job", name, {"completions": 1, "template": {"spec": copy.deepcopy(POD_SPEC)}} | spec)

    def cron_job(self, schedule: str, zone: str | None = "Europe/Berlin", **spec: Any) -> None:
        template = {"spec": {"completions": 1, "template": {"spec": POD_SPEC}}}
        where = {"timeZone": zone} if zone else {}
        self.create("CronJob", "nightly", {"schedule": schedule, "jobTemplate": template, **where, **spec})

    def create(self, kind: str, name: str, spec: Mapping[str, Any] | None = None, **more: Any) -> None:
        self.kubernetes.create(self._manifest(kind, name, spec, more))

    def change(self, kind: str, name: str, **spec: Any) -> None:
        """Of what there is."""
        found = next(
            one
            for one in (*self.kubernetes.jobs(), *self.kubernetes.cron_jobs())
            if (one["kind"], one["metadata"]["name"]) == (kind, name)
        )
        self.kubernetes.change({key: value for key, value in found.items() if key != "status"} | {
            "spec": {**found["spec"], **spec}
        })  # fmt: skip

    def status(self, name: str = "etl") -> dict[str, Any]:
        return self.kubernetes.job(NAMESPACE, name)["status"]

    def conditions(self, name: str = "etl") -> dict[str, str]:
        """Those that hold: type → reason."""
        return {one["type"]: one["reason"] for one in self.status(name)["conditions"] if one["status"] == "True"}

    def running(self) -> list[Script]:
        return [script for script in self.started if not script.pod.ended]

    def indexes(self) -> list[int | None]:
        """Of the containers that run."""
        return [script.pod.index for script in self.running()]

    def exit(self, index: int | None, code: int, reason: str = "") -> None:
        """The container of an index ends."""
        next(script for script in self.running() if script.pod.index == index).exit(code, reason)

    def events(self, kind: str = "Job", name: str = "etl") -> dict[str, int]:
        """Reason → how often it was told."""
        counts: dict[str, int] = {}
        for event in self.kubernetes.events.of(kind, NAMESPACE, name):
            counts[event["reason"]] = counts.get(event["reason"], 0) + event["count"]
        return counts

    def runs(self) -> list[str]:
        """When the Jobs of the CronJob were due that there are, by the clock of its zone."""
        due = [int(job["metadata"]["name"].rpartition("-")[2]) * 60 for job in self.kubernetes.jobs()]
        zone = ZoneInfo(self.kubernetes.cron_jobs()[0]["spec"].get("timeZone", "UTC"))
        return [f"{dt.datetime.fromtimestamp(one, zone):%m-%d %H:%M %Z}" for one in due]

    def _manifest(
        self, kind: str, name: str, spec: Mapping[str, Any] | None, more: Mapping[str, Any]
    ) -> dict[str, Any]:
        metadata = {"name": name} if kind == "Namespace" else {"name": name, "namespace": NAMESPACE}
        return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **({"spec": spec} if spec else {}), **more}
