"""Whether a cluster would take an object, by the schemas of its version of Kubernetes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# Of operators: Kubernetes itself has no schema of theirs.
OPERATORS = ("eks.amazonaws.com", "external-secrets.io", "karpenter.sh", "secrets-store.csi.x-k8s.io")
LONGEST = 300  # characters of what a schema says; it may quote the whole object


def refused(objects: Iterable[Mapping[str, Any]], version: str) -> list[str]:
    """What is wrong with the objects, each as a sentence. version: of the cluster, `1.35`.

    Strict: a field that the version does not know is wrong, too. For a version newer than all that the package knows
    its newest one counts.
    """
    from kubernetes_validate import latest_version  # late: most stacks have no objects

    newest = latest_version().rpartition(".")[0]
    version = min(version, newest, key=_parts)
    return [
        f"Kubernetes {version} would refuse {one['kind']} '{one['metadata']['name']}': {wrong}"
        for one in objects
        if one["apiVersion"].partition("/")[0] not in OPERATORS and (wrong := _refusal(one, version))
    ]


def _refusal(one: Mapping[str, Any], version: str) -> str:
    from kubernetes_validate import SchemaNotFoundError, ValidationError, validate

    try:
        validate(dict(one), version, strict=True)
    except SchemaNotFoundError:
        return f"it has none of {one['apiVersion']}"
    except ValidationError as error:
        wrong = error.message if len(error.message) <= LONGEST else f"{error.message[:LONGEST]}…"
        return f"{'.'.join(str(part) for part in error.absolute_path)}: {wrong}"
    return ""


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
