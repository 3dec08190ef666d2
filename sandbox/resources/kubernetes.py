"""Kubernetes: the sandbox keeps the objects, and runs what Jobs and CronJobs ask for. Others are only recorded."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud, creates
from sandbox.compute.kubernetes.admission import Refused
from sandbox.program import ProgramError, whole_numbers


@creates(
    "kubernetes:batch/v1:CronJob",
    "kubernetes:batch/v1:Job",
    "kubernetes:core/v1:ConfigMap",
    "kubernetes:core/v1:Namespace",
    "kubernetes:core/v1:ResourceQuota",
    "kubernetes:core/v1:Secret",
    "kubernetes:core/v1:ServiceAccount",
    "kubernetes:external-secrets.io/v1:ExternalSecret",
    "kubernetes:secrets-store.csi.x-k8s.io/v1:SecretProviderClass",
)
def kubernetes_object(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Raises ProgramError for what the API server would refuse, NotImplementedError for what the sandbox cannot run."""
    try:
        cloud.compute.kubernetes.create(whole_numbers(inputs))
    except Refused as error:
        raise ProgramError(str(error)) from None
    return {}
