"""The workers of a stack that is up which run in Kubernetes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.cloud import Cloud
from sandbox.compute.kubernetes.admission import Refused
from sandbox.scheduled_workers import NotStarted

LABEL = "serverless-batch/worker"
ERROR, RESULT = "error.json", "result.json"


@dataclass(frozen=True)
class KubernetesWorker:
    """cloud: in which it runs. manifest: of the Job or CronJob that the stack declares for it."""

    name: str
    cloud: Cloud
    manifest: Mapping[str, Any]

    @property
    def namespace(self) -> str:
        return self.manifest["metadata"]["namespace"]

    @property
    def _of_schedule(self) -> bool:
        return self.manifest["kind"] == "CronJob"

    def start(self, at: dt.datetime | None) -> str:
        """Start a Job of it; the Job's name. Also what is suspended can be tried. Raises NotStarted.

        at: for which time of its schedule, by the clock of its zone if it names none; now if it is None.
        """
        if at and not self._of_schedule:
            raise NotStarted(f"{self.name} has no schedule; leave out --at.")
        if at is None:
            at = dt.datetime.fromtimestamp(self.cloud.compute.clock.now(), dt.UTC)
        elif at.tzinfo is None:
            at = at.replace(tzinfo=ZoneInfo(self.manifest["spec"].get("timeZone", "UTC")))
        try:
            return self.cloud.compute.kubernetes.run(self.namespace, self.manifest["metadata"]["name"], at.timestamp())
        except Refused as error:
            raise NotStarted(f"{error}: there is one Job for each minute; say another time with --at.") from None

    def uploads(self) -> str:
        """The bucket of its uploads."""
        return self._variables()["UPLOADS_BUCKET"]

    def outcome(self, job: str) -> dict[str, Any]:
        """The Job as it is now: its end (`Complete`, `Failed`, None), why, and what has become of each of its parts.

        Each part: its index (None of a Job without), source, state, number of failures, and why it failed last.
        LookupError once the Job's time to live is over.
        """
        kubernetes = self.cloud.compute.kubernetes
        found = kubernetes.job(self.namespace, job)
        ended = [one for one in found["status"]["conditions"] if one["type"] in ("Complete", "Failed")]
        return {
            "end": ended[0]["type"] if ended else None,
            "why": ended[0]["message"] if ended else "",
            "parts": self._parts(found, kubernetes.pods(self.namespace, job)),
        }

    def written(self, job: str) -> dict[str, Any]:
        """What the Job's pods have written: where, and by index (None of a Job without) the errors and results."""
        bucket, prefix = self._variables()["RESULTS_BUCKET"], f"{self.name}/{job}/"
        s3 = self.cloud.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [thing["Key"] for page in pages for thing in page.get("Contents", [])]
        told: dict[str, dict[str, Any]] = {}
        for key in keys:
            index, _, name = key.removeprefix(prefix).rpartition("/")
            if name in (ERROR, RESULT):
                body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                told.setdefault(index, {})[name] = json.loads(body)
        return {"place": f"s3://{bucket}/{prefix}", "objects": [f"s3://{bucket}/{key}" for key in keys], "told": told}

    def _parts(self, job: Mapping[str, Any], pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
        indexed = job["spec"].get("completionMode") == "Indexed"
        sources = self._sources()
        parts = []
        for index in range(job["spec"]["completions"]) if indexed else (None,):
            own = [pod for pod in pods if index is None or _index(pod) == str(index)]
            source = sources[index] if index is not None and index < len(sources) else {}
            name = source.get("name", "") if isinstance(source, dict) else ""
            parts.append({"index": index, "source": name, **_state(own, job)})
        return parts

    def _sources(self) -> list[Any]:
        file = self._variables().get("SOURCES_FILE", "").rpartition("/")[2]
        for volume in self._pod().get("volumes") or []:
            if source := volume.get("configMap"):
                found = self.cloud.compute.kubernetes.objects.find("ConfigMap", self.namespace, source["name"]) or {}
                if file in (data := found.get("data") or {}):
                    return json.loads(data[file])
        return []

    def _variables(self) -> dict[str, str]:
        return {item["name"]: item["value"] for item in self._pod()["containers"][0]["env"] if "value" in item}

    def _pod(self) -> Mapping[str, Any]:
        spec = self.manifest["spec"]
        return (spec["jobTemplate"]["spec"] if self._of_schedule else spec)["template"]["spec"]


def kubernetes_workers(cloud: Cloud) -> dict[str, KubernetesWorker]:
    """By name."""
    kubernetes = cloud.compute.kubernetes
    declared = [
        one
        for one in (*kubernetes.jobs(), *kubernetes.cron_jobs())
        if "ownerReferences" not in one["metadata"] and "generateName" not in one["metadata"]
    ]
    labelled = [(one["metadata"].get("labels", {}).get(LABEL), one) for one in declared]
    return {name: KubernetesWorker(name, cloud, one) for name, one in labelled if name}


def _index(pod: Mapping[str, Any]) -> str | None:
    return pod["metadata"]["annotations"].get("batch.kubernetes.io/job-completion-index")


def _state(pods: list[dict[str, Any]], job: Mapping[str, Any]) -> dict[str, Any]:
    """By the pods of one part, in their order."""
    failed = [pod for pod in pods if pod["status"]["phase"] == "Failed"]
    phase = pods[-1]["status"]["phase"] if pods else "Pending"
    lost = [pod for pod in failed if any(one["type"] == "DisruptionTarget" for one in pod["status"]["conditions"])]
    last = failed[-1]["status"]["containerStatuses"][0]["state"]["terminated"] if failed else None
    return {
        "state": phase,
        "failures": len(failed) - len(lost),
        "disruptions": len(lost),
        "exit_code": last["exitCode"] if last else None,
        "why": (last["message"] or last["reason"]) if last else "",
    }
