"""What a Secret of the cluster holds, however it gets there: declared, by the CSI driver or by External Secrets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from sandbox.compute.kubernetes.objects import Objects


def has_secret(objects: Objects, namespace: str, name: str) -> bool:
    """Whether there is one, or will be once a pod asks for it."""
    return _reader(objects, namespace, name) is not None


def secret_data(objects: Objects, namespace: str, name: str, fetch: Callable[[str], str]) -> dict[str, str]:
    """Keys and values; LookupError if there is none. fetch: the value of a secret of Secrets Manager."""
    read = _reader(objects, namespace, name)
    if read is None:
        raise LookupError(f'secret "{name}" not found')
    return read(fetch)


def _reader(objects: Objects, namespace: str, name: str) -> Callable[[Callable[[str], str]], dict[str, str]] | None:
    if secret := objects.find("Secret", namespace, name):
        coded = {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
        return lambda _: coded | (secret.get("stringData") or {})
    for external in objects.all("ExternalSecret", namespace):
        spec = external["spec"]
        if (spec.get("target") or {}).get("name", external["metadata"]["name"]) == name:
            return lambda fetch: {item["secretKey"]: _external(item, fetch) for item in spec.get("data") or []}
    for provided in objects.all("SecretProviderClass", namespace):
        for kept in provided["spec"].get("secretObjects") or []:
            if kept["secretName"] == name:
                return lambda fetch: _provided(provided["spec"], kept, fetch)
    return None


def _external(item: dict[str, Any], fetch: Callable[[str], str]) -> str:
    remote = item["remoteRef"]
    value = fetch(remote["key"])
    return str(json.loads(value)[remote["property"]]) if "property" in remote else value


def _provided(spec: dict[str, Any], kept: dict[str, Any], fetch: Callable[[str], str]) -> dict[str, str]:
    named = mounted(spec)
    return {item["key"]: fetch(named[item["objectName"]]) for item in kept.get("data") or []}


def mounted(spec: dict[str, Any]) -> dict[str, str]:
    """Of a SecretProviderClass: file → secret of Secrets Manager. Its objects are text of YAML, here JSON, in AWS's
    provider."""
    listed = json.loads(spec["parameters"]["objects"])
    return {item.get("objectAlias", item["objectName"]): item["objectName"] for item in listed}
