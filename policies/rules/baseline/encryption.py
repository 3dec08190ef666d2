"""`encryption-at-rest`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, ResourceRule, Severity, Unknown, refuse, unsettled
from policies.values import as_list, nested

QUEUE, TEMPLATE, STREAM = (
    "aws:sqs/queue:Queue",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:kinesis/stream:Stream",
)
PROJECT = "aws:codebuild/project:Project"
# Type → the property that has to be true; AWS does not encrypt these unless told to.
FLAGS = {
    "aws:ebs/volume:Volume": "encrypted",
    "aws:efs/fileSystem:FileSystem": "encrypted",
    "aws:rds/instance:Instance": "storageEncrypted",
    "aws:rds/cluster:Cluster": "storageEncrypted",
}
# Service → type and the way to what says that its data is under a key of KMS. AWS encrypts all of these anyway.
KEYS = {
    "sqs": ("aws:sqs/queue:Queue", ("kmsMasterKeyId",)),
    "sns": ("aws:sns/topic:Topic", ("kmsMasterKeyId",)),
    "dynamodb": ("aws:dynamodb/table:Table", ("serverSideEncryption", "enabled")),
    "logs": ("aws:cloudwatch/logGroup:LogGroup", ("kmsKeyId",)),
}
Switch = tuple[str, Any]


def check(resource: Resource, config: Config) -> Iterable[Finding]:
    for what, on in _switches(resource):
        if on is UNKNOWN:
            yield unsettled(resource, f"whether it is encrypted ({what})")
        elif not on:
            yield refuse(resource, f"is not encrypted on disk. Set {what}.")
    for service in as_list(config["keys"]):
        type_, way = KEYS.get(service, ("", ()))
        if resource.type == type_:
            key = resource.get(*way)
            if key is UNKNOWN and way[-1] == "enabled":
                yield unsettled(resource, "whether its data is under a key of KMS")
            elif key in (None, "", False):
                yield refuse(resource, f"has no key of KMS for its data, which this stack wants. Set {'.'.join(way)}.")


def _switches(resource: Resource) -> Iterator[Switch]:
    """What has to be said, for people, and whether it is."""
    if resource.get("replicateSourceDb") not in (None, ""):
        return  # as its source
    if resource.type in FLAGS:
        value = resource.get(FLAGS[resource.type])
        yield f"{FLAGS[resource.type]} to true", UNKNOWN if value is UNKNOWN else _true(value)
    elif resource.type == QUEUE:  # encrypted by SQS unless that is switched off
        managed, key = resource.get("sqsManagedSseEnabled"), resource.get("kmsMasterKeyId")
        unknown = managed is UNKNOWN and key in (None, "")
        yield "sqsManagedSseEnabled to true", UNKNOWN if unknown else managed is not False or key not in (None, "")
    elif resource.type == STREAM:
        kind = resource.get("encryptionType")
        yield "encryptionType to KMS, with a kmsKeyId", UNKNOWN if kind is UNKNOWN else kind == "KMS"
    elif resource.type == PROJECT:
        off = [resource.get("artifacts", "encryptionDisabled")]
        off.append(resource.get("logsConfig", "s3Logs", "encryptionDisabled"))
        yield "encryptionDisabled to false", UNKNOWN if UNKNOWN in off else True not in off
    elif resource.type == TEMPLATE:
        for disk in as_list(resource.get("blockDeviceMappings")):
            ebs = disk.get("ebs") if isinstance(disk, Mapping) else disk
            value = ebs.get("encrypted") if isinstance(ebs, Mapping) else ebs
            if isinstance(ebs, Mapping | Unknown):
                yield (
                    "encrypted of the ebs in blockDeviceMappings to true",
                    (UNKNOWN if value is UNKNOWN else _true(value)),
                )


def _true(value: Any) -> bool:
    return str(value).lower() == "true"  # launch templates write it as a text


def remedy(resource: Resource, config: Config) -> Mapping[str, Any]:
    """Only where nothing is replaced or needs rights that its users may not have."""
    if resource.type == QUEUE and any(finding.settled for finding in check(resource, {**config, "keys": []})):
        return {"sqsManagedSseEnabled": True}
    if resource.type == TEMPLATE:
        disks = resource.get("blockDeviceMappings")
        unknown = any(value is UNKNOWN for _, value in nested(disks))  # only what is known can be written anew
        if isinstance(disks, list) and not unknown and any(on is False for _, on in _switches(resource)):
            return {"blockDeviceMappings": [_encrypted(disk) for disk in disks]}
    return {}


def _encrypted(disk: Any) -> Any:
    ebs = disk.get("ebs") if isinstance(disk, Mapping) else None
    return {**disk, "ebs": {**ebs, "encrypted": "true"}} if isinstance(ebs, Mapping) else disk


RULE = ResourceRule(
    id="encryption-at-rest",
    theme="baseline",
    description="What is stored is encrypted, and where the stack wants it under a key of KMS.",
    why="AWS encrypts queues, topics, buckets, tables, logs and images by itself; here only what switches that off is "
    "refused. Disks of instances, file systems, streams and databases are plain unless somebody asks.",
    steps="Set `encrypted`, `storage_encrypted` or `encryption_type`, and leave `sqs_managed_sse_enabled` of the "
    "`aws.sqs.Queue` out. With this rule at the level `remediate`, queues and the disks of launch templates are put "
    "right; volumes, file systems and databases would be replaced. The key that AWS has for SNS lets no alarm of "
    "CloudWatch and no rule of EventBridge publish: such a topic takes a key of its own.",
    unknown="Advises at preview when a switch is unknown; a key that is unknown is one that was given.",
    references=("FSBP EC2.3", "FSBP EFS.1", "FSBP Kinesis.1", "FSBP RDS.3", "Security Hub SNS.1",
                "checkov CKV_AWS_3", "checkov CKV_AWS_16", "checkov CKV_AWS_26", "checkov CKV_AWS_27",
                "checkov CKV_AWS_42", "checkov CKV_AWS_43", "checkov CKV_AWS_96"),
    severity=Severity.HIGH,
    types=frozenset({QUEUE, TEMPLATE, STREAM, PROJECT, *FLAGS, *(type_ for type_, _ in KEYS.values())}),
    parameters={
        "keys": {
            "type": "array",
            "items": {"type": "string", "enum": sorted(KEYS)},
            "default": [],
            "description": "Services whose data has to be under a key of KMS, beyond what AWS encrypts with anyway.",
        },
    },
    check=check,
    remedy=remedy,
)  # fmt: skip
