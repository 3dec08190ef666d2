"""Kubernetes' objects of a namespace and of a worker, as plain data: what is written here is what the cluster gets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from components.kubernetes_settings import Quota
from components.kubernetes_trigger import KubernetesTrigger
from components.manifest import MIN_SCRATCH_GB
from components.task import COMMAND, CONTAINER, STOP_TIMEOUT_SECONDS, USER, FargateTaskArgs

Object = dict[str, Any]

NODE_LABEL, NODE_VALUE = "workload-type", "batch"
SOURCES_FOLDER, SOURCES_FILE = "/etc/worker", "sources.json"
SECRETS_FOLDER = "/etc/secrets"
LOG_GIB = 1  # that a container's output may take on the node
FINAL_EXIT = 64  # refused input or timeout: it would be the same again
# After the worker's own timeout, which says why, Kubernetes ends a pod that is still there.
GRACE_SECONDS = 300  # counted from before the image is pulled and volumes are mounted
# Until the first pod runs: a node must be found, started and joined, and the image pulled.
START_SECONDS = 15 * 60
# Between two tries of an index. Source: pod backoff failure policy, Kubernetes documentation.
FIRST_PAUSE, LONGEST_PAUSE = 10, 360
METADATA_SERVICE = "169.254.169.254/32"  # of the node: its role is not the pods'
POD_IDENTITY_AGENT = "169.254.170.23/32"  # Source: EKS Pod Identity considerations, Amazon EKS user guide
ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class Workload:
    """
    A worker in the cluster.

    timeout: seconds for one try. suspended: nothing begins by itself.
    environment: plain values besides the task's. role_arn: which the service account is bound to by an annotation;
        None where that is done elsewhere.
    own_nodes: the cluster has nodes for batch alone, and none other will do.
    secrets: "csi" or "external-secrets". pod_identity: how the CSI driver gets the worker's role. queue: of Kueue.
    """

    name: str
    namespace: str
    region: str
    trigger: KubernetesTrigger
    timeout: int
    suspended: bool
    task: FargateTaskArgs
    environment: Mapping[str, str]
    role_arn: str | None
    own_nodes: bool
    secrets: str
    pod_identity: bool
    queue: str | None

    @property
    def object_name(self) -> str:
        return self.name.replace("_", "-")


def labels(worker: str | None = None) -> dict[str, str]:
    """Of an object; a worker's pods are found by them, too."""
    own = {"app.kubernetes.io/name": worker.replace("_", "-"), "serverless-batch/worker": worker} if worker else {}
    return {"app.kubernetes.io/part-of": "serverless-batch", "app.kubernetes.io/managed-by": "pulumi", **own}


def namespace_objects(name: str, version: str, quota: Quota, ports: Sequence[int], pod_identity: bool) -> list[Object]:
    """The namespace, how much may run in it, and where its pods may connect to.

    version: of the cluster, by whose rules pods are judged. ports: TCP, besides 443.
    """
    security = {
        f"pod-security.kubernetes.io/{mode}{suffix}": value
        for mode in ("enforce", "audit", "warn")
        for suffix, value in (("", "restricted"), ("-version", f"v{version}"))
    }
    anywhere = {"ipBlock": {"cidr": "0.0.0.0/0", "except": [METADATA_SERVICE]}}
    names = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    out: list[Object] = [
        {"to": [{"namespaceSelector": {}}], "ports": names},  # some networks do not take pods for addresses
        {
            "to": [anywhere],
            "ports": [*names, *({"protocol": "TCP", "port": port} for port in sorted({443, *ports} - {53}))],
        },
    ]
    if pod_identity:
        out.append({"to": [{"ipBlock": {"cidr": POD_IDENTITY_AGENT}}], "ports": [{"protocol": "TCP", "port": 80}]})
    memory = f"{quota.memory_mib}Mi"
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels() | security}},
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": _metadata("batch", name),
            "spec": {
                "hard": {
                    "requests.cpu": _cpu(quota.vcpu), "limits.cpu": _cpu(quota.vcpu),
                    "requests.memory": memory, "limits.memory": memory, "pods": str(quota.pods),
                }
            },
        },
        _policy("default-deny", name, {"policyTypes": ["Ingress", "Egress"]}),
        _policy("egress", name, {"policyTypes": ["Egress"], "egress": out}),
    ]  # fmt: skip


def worker_objects(workload: Workload) -> list[Object]:
    """All that a worker is in the cluster, in the order in which it is made; the Job or CronJob comes last."""
    return [
        _service_account(workload),
        *([_config_map(workload)] if workload.trigger.sources else []),
        *(_secrets(workload) if workload.task.secrets else []),
        _cron_job(workload) if workload.trigger.schedule else _job(workload),
    ]


def deadline(trigger: KubernetesTrigger, timeout: int) -> int:
    """Seconds after which a Job is given up: each wave of pods with every retry, one more for a disrupted pod."""
    waves = ceil(trigger.size / trigger.parallelism)
    pauses = sum(min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(trigger.retries_per_index))
    tries = trigger.retries_per_index + 2
    return START_SECONDS + waves * (tries * (timeout + GRACE_SECONDS) + pauses)


def _policy(name: str, namespace: str, rules: Object) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(name, namespace),
        "spec": {"podSelector": {}, **rules},
    }


def _service_account(workload: Workload) -> Object:
    bound = {"eks.amazonaws.com/role-arn": workload.role_arn} if workload.role_arn else {}
    metadata = _of(workload) | ({"annotations": bound} if bound else {})
    # What a worker does, it does in AWS: of the cluster's API it needs no token.
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "automountServiceAccountToken": False}


def _config_map(workload: Workload) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _of(workload),
        "data": {SOURCES_FILE: _sources(workload)},
    }


def _secrets(workload: Workload) -> list[Object]:
    """What fetches the values, each into a Secret of the cluster, past Pulumi and its state."""
    name, arns = workload.object_name, workload.task.secrets
    variables = sorted(arns)
    if workload.secrets == "csi":
        fetched = [{"objectName": arns[variable], "objectAlias": variable} for variable in variables]
        kept = [{"objectName": variable, "key": variable} for variable in variables]
        parameters = {"region": workload.region, "objects": json.dumps(fetched)}
        return [
            {
                "apiVersion": "secrets-store.csi.x-k8s.io/v1",
                "kind": "SecretProviderClass",
                "metadata": _of(workload),
                "spec": {
                    "provider": "aws",
                    "parameters": parameters | ({"usePodIdentity": "true"} if workload.pod_identity else {}),
                    "secretObjects": [{"secretName": name, "type": "Opaque", "data": kept}],
                },
            }
        ]
    as_worker = {"jwt": {"serviceAccountRef": {"name": name}}}
    store = {"aws": {"service": "SecretsManager", "region": workload.region, "auth": as_worker}}
    return [
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "SecretStore",
            "metadata": _of(workload),
            "spec": {"provider": store},
        },
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": _of(workload),
            "spec": {
                "refreshInterval": "1h",
                "secretStoreRef": {"kind": "SecretStore", "name": name},
                "target": {"name": name, "creationPolicy": "Owner"},
                "data": [{"secretKey": one, "remoteRef": {"key": arns[one]}} for one in variables],
            },
        },
    ]


def _cron_job(workload: Workload) -> Object:
    trigger = workload.trigger
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": _of(workload),
        "spec": {
            "schedule": trigger.schedule,
            "timeZone": trigger.timezone,
            "concurrencyPolicy": trigger.concurrency,
            "startingDeadlineSeconds": trigger.starting_deadline_seconds,
            "successfulJobsHistoryLimit": trigger.history.succeeded,
            "failedJobsHistoryLimit": trigger.history.failed,
            "suspend": workload.suspended,
            "jobTemplate": {
                "metadata": {"labels": _queued(workload)},
                "spec": _job_spec(workload) | {"ttlSecondsAfterFinished": trigger.ttl_seconds},
            },
        },
    }


def _job(workload: Workload) -> Object:
    metadata = _of(workload) | {
        "labels": _queued(workload),
        "annotations": {"pulumi.com/skipAwait": "true"},  # else a deployment would wait until the work is done
    }
    # Kueue suspends what waits in its queue, and lets it go; whoever else says something of it gets in its way.
    held = {} if workload.queue and not workload.suspended else {"suspend": workload.suspended}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": _job_spec(workload) | held}


def _job_spec(workload: Workload) -> Object:
    trigger = workload.trigger
    retries: Object = {"backoffLimit": trigger.retries_per_index}
    if trigger.indexed:
        retries = {"completionMode": "Indexed", "backoffLimitPerIndex": trigger.retries_per_index}
    final = "FailIndex" if trigger.indexed else "FailJob"
    return {
        "completions": trigger.size,
        "parallelism": trigger.parallelism,
        **retries,
        "activeDeadlineSeconds": deadline(trigger, workload.timeout),
        # The first rule that fits decides; what none fits counts as a failure, 137 for want of memory as well.
        "podFailurePolicy": {
            "rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {
                    "action": final,
                    "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": [FINAL_EXIT]},
                },
            ]
        },
        "template": {
            "metadata": {"labels": labels(workload.name), "annotations": _annotations(workload)},
            "spec": _pod(workload),
        },
    }


def _annotations(workload: Workload) -> dict[str, str]:
    """No autoscaler moves a pod that is at work. Other sources make another pod, so that a Job runs again."""
    kept = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}
    if not workload.trigger.sources:
        return kept
    return kept | {"serverless-batch/sources": hashlib.sha256(_sources(workload).encode()).hexdigest()[:16]}


def _pod(workload: Workload) -> Object:
    task = workload.task
    architecture = {"kubernetes.io/os": "linux", "kubernetes.io/arch": ARCHITECTURES[task.architecture]}
    of_batch = {"key": NODE_LABEL, "operator": "In", "values": [NODE_VALUE]}
    liked: Object = {
        "affinity": {
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 100, "preference": {"matchExpressions": [of_batch]}}
                ]
            }
        }
    }
    return {
        "serviceAccountName": workload.object_name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": workload.timeout + GRACE_SECONDS,
        "terminationGracePeriodSeconds": STOP_TIMEOUT_SECONDS,
        **({"priorityClassName": workload.trigger.priority_class} if workload.trigger.priority_class else {}),
        "nodeSelector": architecture | ({NODE_LABEL: NODE_VALUE} if workload.own_nodes else {}),
        **({} if workload.own_nodes else liked),
        "tolerations": [{"key": NODE_LABEL, "operator": "Equal", "value": NODE_VALUE, "effect": "NoSchedule"}],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",  # Spot reclaims by zone
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"serverless-batch/worker": workload.name}},
            }
        ],
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(workload)],
        "volumes": [{"name": name, **source} for name, source, _ in _volumes(workload)],
    }  # fmt: skip


def _container(workload: Workload) -> Object:
    task = workload.task
    size = {
        "cpu": _cpu(task.cpu / 1024),
        "memory": f"{task.memory}Mi",
        "ephemeral-storage": f"{_scratch(workload) + LOG_GIB}Gi",
    }
    return {
        "name": CONTAINER,
        "image": task.image,
        "command": list(COMMAND),
        "env": _environment(workload),
        # The same, so that a pod has what it asked for, and the quota says what may run.
        "resources": {"requests": size, "limits": size},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": name, "mountPath": path, **({} if name == "scratch" else {"readOnly": True})}
            for name, _, path in _volumes(workload)
        ],
    }


def _volumes(workload: Workload) -> list[tuple[str, Object, str]]:
    """Name, where it comes from, where it is mounted."""
    name = workload.object_name
    volumes: list[tuple[str, Object, str]] = [
        ("scratch", {"emptyDir": {"sizeLimit": f"{_scratch(workload)}Gi"}}, "/tmp")
    ]
    if workload.trigger.sources:
        volumes.append(("sources", {"configMap": {"name": name}}, SOURCES_FOLDER))
    if workload.task.secrets and workload.secrets == "csi":
        driver = {"driver": "secrets-store.csi.k8s.io", "readOnly": True}
        volumes.append(
            ("secrets", {"csi": driver | {"volumeAttributes": {"secretProviderClass": name}}}, SECRETS_FOLDER)
        )
    return volumes


def _environment(workload: Workload) -> list[Object]:
    trigger, task = workload.trigger, workload.task
    plain = {
        **task.environment,
        **workload.environment,
        "KUBERNETES": "1",
        "WORKER": workload.name,
        "TIMEOUT_SECONDS": str(workload.timeout),
        "MAX_ATTEMPTS": str(trigger.retries_per_index + 1),
        "SIZE": str(trigger.size),
        "INPUT": json.dumps(trigger.input, sort_keys=True),
        **({"SOURCES_FILE": f"{SOURCES_FOLDER}/{SOURCES_FILE}"} if trigger.sources else {}),
        **({"CRON_JOB": workload.object_name} if trigger.schedule else {}),
    }
    of_pod = {
        "RUN": "metadata.labels['batch.kubernetes.io/job-name']",
        "POD_NAME": "metadata.name",
        **(
            {"INDEX_FAILURES": "metadata.annotations['batch.kubernetes.io/job-index-failure-count']"}
            if trigger.indexed
            else {}
        ),
    }
    variables = {name: {"value": value} for name, value in plain.items()}
    variables |= {name: {"valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in of_pod.items()}
    variables |= {
        name: {"valueFrom": {"secretKeyRef": {"name": workload.object_name, "key": name}}} for name in task.secrets
    }
    return [{"name": name, **variables[name]} for name in sorted(variables)]


def _of(workload: Workload) -> Object:
    return _metadata(workload.object_name, workload.namespace, workload.name)


def _metadata(name: str, namespace: str, worker: str | None = None) -> Object:
    return {"name": name, "namespace": namespace, "labels": labels(worker)}


def _queued(workload: Workload) -> dict[str, str]:
    queue = {"kueue.x-k8s.io/queue-name": workload.queue} if workload.queue else {}
    return labels(workload.name) | queue


def _sources(workload: Workload) -> str:
    return json.dumps(list(workload.trigger.sources), sort_keys=True)


def _scratch(workload: Workload) -> int:
    """GiB."""
    return workload.task.scratch or MIN_SCRATCH_GB


def _cpu(vcpu: float) -> str:
    """In the form that Kubernetes gives back: whole ones as such, others in thousandths."""
    return f"{vcpu:g}" if vcpu == int(vcpu) else f"{round(vcpu * 1000)}m"
