"""What is declared beside Jobs and CronJobs: namespaces, accounts, configuration, quotas and the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.compute.kubernetes.admission import Refused

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")  # of every cluster
CLUSTER_WIDE = ("Namespace", "PriorityClass", "StorageClass", "ClusterRole", "ClusterRoleBinding")


class Objects:
    """By kind, namespace (empty of what has none) and name."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Mapping[str, Any]] = {
            ("Namespace", "", name): {"kind": "Namespace", "metadata": {"name": name}} for name in NAMESPACES
        }

    def admit(self, manifest: Mapping[str, Any]) -> None:
        """`Refused` if its namespace is not there."""
        kind, namespace, _ = key = _key(manifest)
        if namespace and ("Namespace", "", namespace) not in self._found:
            raise Refused(f'{kind} {key[2]}: namespaces "{namespace}" not found')

    def add(self, manifest: Mapping[str, Any]) -> None:
        """`Refused` if there is one of that name."""
        kind, _, name = key = _key(manifest)
        if key in self._found:
            raise Refused(f'{kind.lower()}s "{name}" already exists')
        self._found[key] = manifest

    def replace(self, manifest: Mapping[str, Any]) -> None:
        """LookupError if there is none."""
        self.remove(*_key(manifest))
        self.add(manifest)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """A namespace with all that is in it. LookupError if there is none."""
        del self._found[kind, namespace, name]
        if kind == "Namespace":
            self._found = {key: value for key, value in self._found.items() if key[1] != name}

    def find(self, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        return self._found.get((kind, namespace, name))

    def all(self, kind: str, namespace: str) -> list[Mapping[str, Any]]:
        return [one for (of_kind, where, _), one in list(self._found.items()) if (of_kind, where) == (kind, namespace)]


def _key(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    kind, metadata = manifest["kind"], manifest["metadata"]
    return kind, "" if kind in CLUSTER_WIDE else metadata["namespace"], metadata["name"]
