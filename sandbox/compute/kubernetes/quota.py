"""ResourceQuota: whether a namespace has room for one more pod."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from sandbox.compute.kubernetes.quantity import quantity

_PLAIN = ("cpu", "memory", "ephemeral-storage")  # of which a quota means the requests


def refusal(quotas: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], pod: Mapping[str, Any]) -> str:
    """Why a pod may not be created, as the API server says it; empty if it may.

    pods: manifests of those of the namespace that have not ended.
    Source: Kubernetes documentation, Resource Quotas.
    """
    pods = list(pods)
    for quota in quotas:
        name = quota["metadata"]["name"]
        hard = {key: quantity(value) for key, value in quota["spec"].get("hard", {}).items() if _of_pods(key)}
        if unsaid := [key for key in hard if _use(pod, key) is None]:
            return f"failed quota: {name}: must specify {','.join(sorted(unsaid))} for: {_container(pod)['name']}"
        over = {}
        for key, limit in hard.items():
            wanted, used = _use(pod, key) or Decimal(), sum((_use(one, key) or Decimal() for one in pods), Decimal())
            if used + wanted > limit:
                over[key] = (wanted, used, limit)
        if over:
            requested, used, limited = (_list(over, position) for position in range(3))
            return f"exceeded quota: {name}, requested: {requested}, used: {used}, limited: {limited}"
    return ""


def _of_pods(key: str) -> bool:
    return key in ("pods", "count/pods", *_PLAIN) or key.startswith(("requests.", "limits."))


def _use(pod: Mapping[str, Any], key: str) -> Decimal | None:
    """What a pod counts for; None if it does not say."""
    if key in ("pods", "count/pods"):
        return Decimal(1)
    kind, _, resource = ("requests", "", key) if key in _PLAIN else key.partition(".")
    resources = _container(pod).get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    said = limits.get(resource) if kind == "limits" else requests.get(resource, limits.get(resource))
    return None if said is None else quantity(said)


def _container(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    return pod["spec"]["containers"][0]


def _list(over: Mapping[str, tuple[Decimal, ...]], position: int) -> str:
    return ",".join(f"{key}={over[key][position].normalize():f}" for key in sorted(over))
