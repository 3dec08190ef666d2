"""Declares components under the sandbox's recording engine, and answers questions about what was registered."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.alerts import Alerts
from components.platform import Platform
from components.queue import Queue
from components.settings import Settings, parse_settings
from components.site import Site
from components.stackfile import NAMESPACE, engine_config
from components.storage import Bucket
from components.tables import IdempotencyTable, JobsTable
from sandbox.invented import ACCOUNT, PARTITION, Invented
from sandbox.program import Recorded, Run, record

PROJECT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
STACKS = ("dev", "staging", "prod")
API_WORKERS = ("content_analyzer", "image_alt_generator", "meta_desc_generator")
QUEUE_WORKERS = ("image_processor",)
SCHEDULED_WORKERS = ("s3_batch", "sales_report")
BATCH_WORKERS = ("data_processor",)
KUBERNETES_WORKERS = ("etl_processor",)
JOB_WORKERS = (*API_WORKERS, *SCHEDULED_WORKERS)
TASK_WORKERS = tuple(sorted((*JOB_WORKERS, *QUEUE_WORKERS)))  # which have task definitions
ECS_WORKERS = tuple(sorted((*TASK_WORKERS, *BATCH_WORKERS)))  # whose containers the ECS agent starts
WORKERS = tuple(sorted((*ECS_WORKERS, *KUBERNETES_WORKERS)))
WORKFLOWS = ("line_report",)
EVERYWHERE = ("api", "batch_events", "enqueuer", "launcher", "notifier", "scaler", "starter", "watchman")
FUNCTIONS = {"dev": (*EVERYWHERE, "load_generator"), "staging": (*EVERYWHERE, "load_generator"), "prod": EVERYWHERE}
BUILDS = ("build-arm64",)
STEPS = {  # of the image pipeline
    "dev": (*BUILDS, "release"),
    "staging": (*BUILDS, "canary", "release"),
    "prod": (*BUILDS, "canary", "release"),
}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # how the engine writes a value that is not known yet
SITE = Site(project="serverless-batch", stack="test", account=ACCOUNT, region=REGION, partition=PARTITION)


@dataclass(frozen=True)
class Declared:
    """What a run registered. Types are given as in `aws:sqs/queue:Queue`, with wildcards where many are meant."""

    run: Run

    def all(self, type_: str = "*") -> list[Recorded]:
        return [resource for resource in self.run.resources if fnmatch.fnmatchcase(resource.type, type_)]

    def one(self, type_: str, name: str = "*") -> Recorded:
        """The only resource of this type and logical name."""
        found = [resource for resource in self.all(type_) if fnmatch.fnmatchcase(resource.name, name)]
        assert len(found) == 1, f"{len(found)} of {type_} {name!r}: {[r.name for r in found]}"
        return found[0]

    def inputs(self, type_: str, name: str = "*") -> dict[str, Any]:
        return self.one(type_, name).inputs

    def names(self, type_: str) -> list[str]:
        return sorted(resource.name for resource in self.all(type_))

    def by_urn(self) -> dict[str, Recorded]:
        return {resource.urn: resource for resource in self.run.resources}

    def parent(self, resource: Recorded) -> Recorded:
        return self.by_urn()[resource.request.parent]

    def depends_on(self, resource: Recorded) -> set[tuple[str, str]]:
        """Type and name of what must exist before the resource does."""
        known = self.by_urn()
        return {(known[urn].type, known[urn].name) for urn in resource.request.dependencies}

    def statements(self, role: str) -> list[dict[str, Any]]:
        """What a role may do, by the role's logical name, as the policy document says it."""
        return policy(self.inputs("aws:iam/rolePolicy:RolePolicy", role)["policy"])


def declared(declare: Callable[[], object], *, preview: bool = False, region: str = REGION) -> Declared:
    """What `declare` registers as the program of the stack `test`."""
    return Declared(record(declare, SITE.stack, {}, Invented(region), preview=preview))


def policy(document: str) -> list[dict[str, Any]]:
    """The statements of a policy document."""
    return json.loads(document)["Statement"]


def alerts() -> Alerts:
    return Alerts("alerts", SITE, [])


def queue(name: str = "emails", **options: Any) -> Queue:
    args = {"fifo": True, "visibility_seconds": 180, "max_receives": 10, "alerts": alerts()} | options
    return Queue(name, SITE, **args)


def bucket(name: str = "results") -> Bucket:
    return Bucket(name, SITE, expire_days=7, protect=False)


def jobs_table() -> JobsTable:
    return JobsTable("jobs", SITE, point_in_time_recovery=False, protect=False)


def idempotency_table() -> IdempotencyTable:
    return IdempotencyTable("idempotency", SITE)


def packed(function: Recorded) -> dict[str, str]:
    """A function's archive: name in it → the project's file that it is, or `text:` and the generated text."""
    assets = function.inputs["code"]["assets"]
    return {name: asset["path"] if "path" in asset else f"text:{asset['text']}" for name, asset in assets.items()}


def platform(changes: Mapping[str, Any] | None = None, *, project: Path = PROJECT, preview: bool = False) -> Declared:
    """The whole platform of the stack dev of `project`, with other values of its settings, by key."""
    changed = {f"{NAMESPACE}:{key}": json.dumps(value) for key, value in (changes or {}).items()}
    config = engine_config(project, "dev") | changed
    return declared(lambda: Platform(parse_settings(config, "dev", project), project), preview=preview)


def settings(stack: str) -> Settings:
    """What the stack's file says."""
    return parse_settings(engine_config(PROJECT, stack), stack, PROJECT)


def variables_of(found: Declared, function: str) -> dict[str, str]:
    """A function's environment."""
    return found.inputs("aws:lambda/function:Function", function)["environment"]["variables"]


def containers(found: Declared) -> dict[str, dict[str, Any]]:
    """Worker → its container."""
    return {
        d.name: json.loads(d.inputs["containerDefinitions"])[0]
        for d in found.all("aws:ecs/taskDefinition:TaskDefinition")
    }


def job_containers(found: Declared) -> dict[str, dict[str, Any]]:
    """Job definition → its container."""
    definitions = found.all("aws:batch/jobDefinition:JobDefinition")
    return {definition.name: json.loads(definition.inputs["containerProperties"]) for definition in definitions}


def pods(found: Declared) -> dict[str, dict[str, Any]]:
    """Worker → what its pods are made of, where a CronJob makes them."""
    jobs = [job.inputs["spec"]["jobTemplate"]["spec"] for job in found.all("kubernetes:batch/v1:CronJob")]
    templates = [job["template"] for job in jobs]
    return {pod["metadata"]["labels"]["serverless-batch/worker"]: pod["spec"] for pod in templates}


def pod_roles(found: Declared) -> dict[tuple[str, str], str]:
    """Namespace and service account → ARN of the role that its pods get, by whichever way they are told of it."""
    bound = [one.inputs for one in found.all("aws:eks/podIdentityAssociation:PodIdentityAssociation")]
    for addon in found.all("aws:eks/addon:Addon"):
        bound += [{"namespace": "kube-system", **one} for one in addon.inputs.get("podIdentityAssociations", [])]
    for account in (one.inputs["metadata"] for one in found.all("kubernetes:core/v1:ServiceAccount")):
        if role := account.get("annotations", {}).get("eks.amazonaws.com/role-arn"):
            bound.append({"namespace": account["namespace"], "serviceAccount": account["name"], "roleArn": role})
    return {(one["namespace"], one["serviceAccount"]): one["roleArn"] for one in bound}


def variables(container: dict[str, Any]) -> dict[str, str]:
    """A container's environment, of ECS or Kubernetes, but for what is filled in when it starts."""
    given = container.get("environment") or container["env"]
    return {variable["name"]: variable["value"] for variable in given if "value" in variable}
