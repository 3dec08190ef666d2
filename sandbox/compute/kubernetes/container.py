"""The container of a pod, as a process of this machine."""

from __future__ import annotations

import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from sandbox.compute.container import ContainerProcess
from sandbox.compute.kubernetes.pod import Ending, Pod
from sandbox.compute.kubernetes.quantity import mebibytes
from sandbox.compute.kubernetes.secret_data import mounted, secret_data

if TYPE_CHECKING:
    from sandbox.cloud import Cloud

SCRATCH = "/tmp"  # where every image has its scratch folder
GRACE_SECONDS = 30  # Source: Kubernetes API reference, PodSpec, terminationGracePeriodSeconds
NOT_STARTED = 128  # exit code of a container whose command cannot be run

logger = logging.getLogger(__name__)


class Container:
    """Runs a pod's command, from its construction on; began and ended are called in a thread of its own."""

    def __init__(self, cloud: Cloud, pod: Pod, began: Callable[[], None], ended: Callable[[Ending], None]):
        self._cloud, self._pod, self._began, self._ended = cloud, pod, began, ended
        self._spec: Mapping[str, Any] = pod.manifest["spec"]
        self._worker = next(item["value"] for item in pod.container["env"] if item["name"] == "WORKER")
        limits = (pod.container.get("resources") or {}).get("limits") or {}
        memory = mebibytes(limits["memory"]) if "memory" in limits else psutil.virtual_memory().total // 1024**2
        grace = self._spec.get("terminationGracePeriodSeconds", GRACE_SECONDS)
        self._process = ContainerProcess(cloud, self._worker, uuid.uuid4().hex, memory=memory, stop_seconds=grace)
        self._timed_out = False
        self._timer: threading.Timer | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    def exhaust(self) -> None:
        self._process.exhaust()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            code = self._contain()
        except Exception as error:  # a worker without a folder, a secret that is not there
            logger.exception("pod %s: the container cannot be started", self._pod.name)
            self._ended(Ending(NOT_STARTED, "StartError", str(error)))
            return
        finally:
            if self._timer:
                self._timer.cancel()
        if self._process.out_of_memory and code:
            self._ended(Ending(code, "OOMKilled"))
        elif self._timed_out:
            said = "Pod was active on the node longer than the specified deadline"
            self._ended(Ending(code or 143, "DeadlineExceeded", said))
        else:
            self._ended(Ending(code, "Completed" if code == 0 else "Error"))

    def _contain(self) -> int | None:
        folders = self._volumes()
        command = [*(self._pod.container.get("command") or []), *(self._pod.container.get("args") or [])]
        with (self._cloud.folder / "logs" / f"{self._worker}.log").open("ab") as output:
            return self._process.run(command, self._environment(folders), output, self._note_running)

    def _note_running(self) -> None:
        if seconds := self._spec.get("activeDeadlineSeconds"):
            self._timer = threading.Timer(seconds, self._time_out)
            self._timer.daemon = True
            self._timer.start()
        self._began()

    def _time_out(self) -> None:
        self._timed_out = True
        self._process.stop()

    def _volumes(self) -> dict[str, Path]:
        """Where the container finds its volumes → where they are on this machine."""
        volumes = {volume["name"]: volume for volume in self._spec.get("volumes") or []}
        folders = {}
        for mount in self._pod.container.get("volumeMounts") or []:
            path = mount["mountPath"].rstrip("/")
            folder = self._process.scratch if path == SCRATCH else self._process.scratch / ".volumes" / mount["name"]
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in self._files(volumes[mount["name"]]):
                (folder / name).write_text(text, encoding="utf-8")
            folders[path] = folder
        return folders

    def _files(self, volume: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if source := volume.get("configMap"):
            yield from _picked(source, self._config_map(source["name"]))
        elif source := volume.get("secret"):
            yield from _picked(source, self._secret(source["secretName"]))
        elif source := volume.get("csi"):
            provided = self._find("SecretProviderClass", source["volumeAttributes"]["secretProviderClass"])
            for name, secret in mounted(provided["spec"]).items():
                yield name, self._fetch(secret)

    def _environment(self, folders: Mapping[str, Path]) -> dict[str, str]:
        """What the manifest says; a path into a volume becomes the one on this machine."""
        variables: dict[str, str] = {}
        for source in self._pod.container.get("envFrom") or []:
            if "configMapRef" in source:
                variables |= self._config_map(source["configMapRef"]["name"])
            else:
                variables |= self._secret(source["secretRef"]["name"])
        for item in self._pod.container.get("env") or []:
            variables[item["name"]] = item.get("value") or self._value(item.get("valueFrom") or {})
        return {name: _moved(value, folders) for name, value in variables.items()}

    def _value(self, source: Mapping[str, Any]) -> str:
        match source:
            case {"fieldRef": {"fieldPath": path}}:
                return _field(self._pod.manifest, path)
            case {"configMapKeyRef": {"name": name, "key": key}}:
                return self._config_map(name)[key]
            case {"secretKeyRef": {"name": name, "key": key}}:
                return self._secret(name)[key]
            case {}:
                return ""
        raise NotImplementedError(f"the sandbox knows no variable from {', '.join(source)}")

    def _config_map(self, name: str) -> dict[str, str]:
        return dict(self._find("ConfigMap", name).get("data") or {})

    def _secret(self, name: str) -> dict[str, str]:
        return secret_data(self._cloud.compute.kubernetes.objects, self._pod.namespace, name, self._fetch)

    def _find(self, kind: str, name: str) -> Mapping[str, Any]:
        found = self._cloud.compute.kubernetes.objects.find(kind, self._pod.namespace, name)
        if found is None:
            raise LookupError(f'{kind.lower()} "{name}" not found')
        return found

    def _fetch(self, secret: str) -> str:
        return self._cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]


def _picked(source: Mapping[str, Any], data: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if items := source.get("items"):
        yield from ((item["path"], data[item["key"]]) for item in items)
    else:
        yield from data.items()


def _field(manifest: Mapping[str, Any], path: str) -> str:
    """Of the pod; empty for a label or an annotation that it has not.

    Source: Kubernetes documentation, Downward API.
    """
    if match := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return (manifest["metadata"].get(match[1]) or {}).get(match[2], "")
    known = {
        "metadata.name": manifest["metadata"]["name"],
        "metadata.namespace": manifest["metadata"]["namespace"],
        "spec.serviceAccountName": manifest["spec"].get("serviceAccountName", "default"),
    }
    if path not in known:
        raise NotImplementedError(f"the sandbox knows no field {path}")
    return known[path]


def _moved(value: str, folders: Mapping[str, Path]) -> str:
    for path in sorted(folders, key=len, reverse=True):
        if value == path or value.startswith(f"{path}/"):
            return str(folders[path]) + value[len(path) :]
    return value
