"""What a pod's container needs of other objects before it can start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.compute.kubernetes.objects import Objects
from sandbox.compute.kubernetes.secret_data import has_secret


def missing(objects: Objects, pod: Mapping[str, Any]) -> str:
    """For what it waits; empty if all is there."""
    namespace = pod["metadata"]["namespace"]
    for kind, name in _needs(pod["spec"]):
        found = has_secret(objects, namespace, name) if kind == "Secret" else objects.find(kind, namespace, name)
        if not found:
            return f'{kind.lower()} "{name}" not found'
    return ""


def _needs(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Kinds and names of what is mounted, or becomes variables."""
    for volume in spec.get("volumes") or []:
        if source := volume.get("configMap"):
            yield "ConfigMap", source["name"]
        if source := volume.get("secret"):
            yield "Secret", source["secretName"]
        if source := volume.get("csi"):
            yield "SecretProviderClass", source["volumeAttributes"]["secretProviderClass"]
    for container in spec["containers"]:
        for source in container.get("envFrom") or []:
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if key in source:
                    yield kind, source[key]["name"]
        for variable in container.get("env") or []:
            for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if source := (variable.get("valueFrom") or {}).get(key):
                    yield kind, source["name"]
