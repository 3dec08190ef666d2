"""What a stack says of Kubernetes: the cluster, and what its workers share there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from components import units
from components.fields import Cidr, NonEmpty
from components.instances import FAMILIES
from components.model import Model, read_value, sentence
from components.problems import Problem, Source, suggestion
from components.stackfile import NAMESPACE, read_stack_file

KEY = f"{NAMESPACE}:kubernetes"
# In standard support, and with schemas in kubernetes-validate.
# Source: Kubernetes version lifecycle, Amazon EKS user guide.
VERSIONS = ("1.34", "1.35", "1.36")
ANYWHERE = "0.0.0.0/0"
FEWEST_TYPES = 3
LONGEST_NAMESPACE = 63  # Source: RFC 1123 labels, Kubernetes documentation, object names
# What a node keeps for itself: the kubelet, and a pod of each add-on. Source: memory that the EKS images reserve,
# 255 MiB and 11 for each pod, and CPU, Amazon EKS user guide; the rest is what the add-ons request.
NODE_VCPU, NODE_MEMORY_SHARE = 0.5, 1 / 8

_CLUSTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[\w+=,.@/-]+")


def _cluster_name(name: str) -> str:
    if not _CLUSTER.fullmatch(name):
        raise ValueError("is not a cluster's name: letters, digits, - and _, at most 100")
    return name


def _namespace(name: str) -> str:
    if not _LABEL.fullmatch(name) or len(name) > LONGEST_NAMESPACE:
        raise ValueError(f"is not a namespace: lower-case letters, digits and dashes, at most {LONGEST_NAMESPACE}")
    if name == "default" or name.startswith("kube-"):
        raise ValueError("is taken in every cluster, by Kubernetes itself; choose another name")
    return name


def _admin(arn: str) -> str:
    if not _ROLE.fullmatch(arn):
        raise ValueError("is not the ARN of a role or a user")
    return arn


def _version(text: str) -> str:
    if text not in VERSIONS:
        raise ValueError(f"is not a version that EKS supports at its standard price; {suggestion(text, VERSIONS)}")
    return text


def vcpus(instance_type: str) -> int:
    """How many vCPUs an instance of this type has. ValueError for what is no size of a known family."""
    family, _, size = instance_type.partition(".")
    if family not in FAMILIES:
        raise ValueError(f"is not of a family that this platform knows; {suggestion(family, FAMILIES)}")
    number, large, _ = size.partition("xlarge")
    count = {"medium": 1, "large": 2, "xlarge": 4}.get(size) or (4 * int(number) if large and number.isdigit() else 0)
    if not 1 <= count <= FAMILIES[family].vcpus:
        raise ValueError(f"is not a size of {family}; write for example '{family}.xlarge'")
    return count


def _instance_type(name: str) -> str:
    vcpus(name)
    return name


ClusterName = Annotated[str, AfterValidator(_cluster_name)]
Memory = Annotated[int, BeforeValidator(units.mebibytes)]


class Endpoint(Model):
    """Who reaches the cluster's API.

    private: from inside the network, where the nodes are. public: from these addresses; none: not from outside, so
        that whoever deploys must be inside, too.
    """

    private: bool = True
    public: tuple[Cidr, ...] = ()

    @model_validator(mode="after")
    def _for_nodes(self) -> Endpoint:
        if not self.private and ANYWHERE not in self.public:
            raise sentence(
                f"has private: false, so that its nodes come from outside, and public does not let them in; leave "
                f"private out, or open public to {ANYWHERE}"
            )
        return self


class NewCluster(Model):
    """A cluster that the stack makes.

    compute: `managed`: node groups, scaled by the cluster autoscaler. `auto`: EKS Auto Mode.
    instance_types: of the nodes of the jobs, on Spot; three at least, so that Spot finds room in one, and of one
        architecture.
    max_nodes: of these at a time.
    admins: ARNs of roles and users who may do everything in it, besides who made it.
    """

    version: Annotated[str, AfterValidator(_version)] = VERSIONS[-2]
    endpoint: Endpoint = Endpoint()
    compute: Literal["managed", "auto"] = "managed"
    instance_types: tuple[Annotated[str, AfterValidator(_instance_type)], ...] = (
        "m6g.xlarge", "m7g.xlarge", "m8g.xlarge",
    )  # fmt: skip
    max_nodes: Annotated[int, Field(ge=1, le=450)] = 10  # Source: nodes in a managed node group, EKS service quotas
    admins: tuple[Annotated[str, AfterValidator(_admin)], ...] = ()

    @field_validator("instance_types")
    @classmethod
    def _several_of_one_kind(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(types)) < FEWEST_TYPES:
            raise sentence(
                f"names {len(set(types))}, and at least {FEWEST_TYPES} are needed: Spot may have no room for one"
            )
        kinds = {name: FAMILIES[name.partition(".")[0]].architecture for name in types}
        if len(set(kinds.values())) > 1:
            told = ", ".join(f"{name} is {kind}" for name, kind in kinds.items())
            raise sentence(f"mixes architectures, and an image is for one: {told}")
        return types

    @property
    def architecture(self) -> str:
        return FAMILIES[self.instance_types[0].partition(".")[0]].architecture


class ClusterChoice(Model):
    """Exactly one: `existing`, by its name, or `new`."""

    existing: ClusterName | None = None
    new: NewCluster | None = None

    @model_validator(mode="after")
    def _one(self) -> ClusterChoice:
        if (self.existing is None) == (self.new is None):
            raise sentence("must be either {existing: <its name>} or {new: {…}}")
        return self


class Quota(Model):
    """What all pods of the namespace may request together."""

    vcpu: Annotated[float, Field(gt=0)] = 64.0
    memory_mib: Memory = Field(default=256 * 1024, alias="memory")
    pods: Annotated[int, Field(ge=1)] = 200


class Kubernetes(Model):
    """
    cluster: None for a stack without workers there.
    namespace: None for `<project>-<stack>`; made by the stack, and its own.
    identity: how pods get their role; None for `pod-identity` in a new cluster, which is made ready for it, and `irsa`
        in an existing one.
    secrets: what brings values from Secrets Manager: the Secrets Store CSI driver, or the External Secrets Operator.
    kueue: the LocalQueue that jobs wait in, where the cluster has Kueue.
    egress_ports: TCP ports that pods reach besides 443, such as a database's.
    """

    cluster: ClusterChoice | None = None
    namespace: Annotated[str, AfterValidator(_namespace)] | None = None
    quota: Quota = Quota()
    identity: Literal["irsa", "pod-identity"] | None = Field(default=None, validate_default=True)
    secrets: Literal["csi", "external-secrets"] = "csi"
    kueue: NonEmpty | None = None
    egress_ports: tuple[Annotated[int, Field(ge=1, le=65_535)], ...] = ()

    @field_validator("identity")
    @classmethod
    def _default(cls, identity: str | None, info: ValidationInfo) -> str | None:
        cluster = info.data.get("cluster")
        return identity or ("pod-identity" if cluster and cluster.new else "irsa")

    @field_validator("secrets")
    @classmethod
    def _readable(cls, secrets: str, info: ValidationInfo) -> str:
        if secrets == "external-secrets" and info.data.get("identity") == "pod-identity":
            raise ValueError(
                "reads with a worker's own role only where identity is irsa; with pod-identity it reads with the "
                "operator's, which may then read every worker's secrets. Choose csi, or identity: irsa"
            )
        return secrets

    def namespace_in(self, stack: str) -> str:
        return self.namespace or f"{NAMESPACE}-{stack}"


def misfit(vcpu: float, memory: int, kubernetes: Kubernetes) -> str:
    """Why no pod of this size (vCPUs, MiB) could ever start; empty if nothing speaks against it."""
    size = f"{units.vcpu_text(vcpu)} with {units.memory_text(memory)}"
    quota, new = kubernetes.quota, kubernetes.cluster and kubernetes.cluster.new
    if vcpu > quota.vcpu or memory > quota.memory_mib:
        most = f"{units.vcpu_text(quota.vcpu)} with {units.memory_text(quota.memory_mib)}"
        return f"is more than the quota of all pods: {size}, and the quota has {most}"
    if new is None:
        return ""
    small = [name for name in new.instance_types if not _holds(name, vcpu, memory)]
    # The autoscaler takes all instances of a group for alike; Auto Mode picks the type by the pod.
    if len(small) == len(new.instance_types) or (small and new.compute == "managed"):
        return f"does not fit into {', '.join(small)}, where a node keeps some for itself: {size}"
    return ""


def _holds(instance_type: str, vcpu: float, memory: int) -> bool:
    count, family = vcpus(instance_type), FAMILIES[instance_type.partition(".")[0]]
    return vcpu <= count - NODE_VCPU and memory <= count * family.gib * 1024 * (1 - NODE_MEMORY_SHARE)


def taken(kubernetes: Kubernetes, stack: str, project_dir: Path, source: Source) -> Iterator[Problem]:
    """Whether another stack of the project says that it makes the same namespace in the same cluster.

    source: of the stack's `kubernetes`. Of namespaces that others made, the cluster itself speaks at preview.
    """
    mine = kubernetes.namespace_in(stack)
    for file in sorted(project_dir.glob("Pulumi.*.yaml")):
        other = file.name.split(".")[1]
        read, _ = read_stack_file(project_dir, other) if other != stack else (None, [])
        theirs, _ = read_value(Kubernetes, read.values.get(KEY), source) if read else (None, [])
        if not (theirs and theirs.cluster and kubernetes.cluster and kubernetes.cluster.existing):
            continue
        if (theirs.cluster.existing, theirs.namespace_in(other)) == (kubernetes.cluster.existing, mine):
            yield source.problem(
                f"is already taken in the cluster {kubernetes.cluster.existing}, by the stack '{other}'",
                ("namespace",),
                value=mine,
                right="leave the key out, and each stack has its own",
            )
