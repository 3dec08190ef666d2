"""`required-tags`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policies.model import UNKNOWN, Config, Finding, Resource, Severity, Stack, StackRule, Unknown, refuse, unsettled
from policies.values import as_list, parse_json

PROVIDER = "pulumi:providers:aws"
TAGGED = frozenset({
    "aws:apigateway/restApi:RestApi", "aws:apigateway/stage:Stage", "aws:apigatewayv2/api:Api",
    "aws:batch/computeEnvironment:ComputeEnvironment", "aws:batch/jobDefinition:JobDefinition",
    "aws:batch/jobQueue:JobQueue", "aws:cloudwatch/logGroup:LogGroup", "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:codebuild/project:Project", "aws:codepipeline/pipeline:Pipeline", "aws:dynamodb/table:Table",
    "aws:ebs/volume:Volume", "aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/natGateway:NatGateway", "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/vpc:Vpc",
    "aws:ecr/repository:Repository", "aws:ecs/cluster:Cluster", "aws:ecs/service:Service",
    "aws:ecs/taskDefinition:TaskDefinition", "aws:efs/fileSystem:FileSystem", "aws:eks/cluster:Cluster",
    "aws:eks/nodeGroup:NodeGroup", "aws:iam/role:Role", "aws:kinesis/stream:Stream", "aws:kms/key:Key",
    "aws:lambda/function:Function", "aws:lb/loadBalancer:LoadBalancer", "aws:pipes/pipe:Pipe",
    "aws:rds/cluster:Cluster", "aws:rds/instance:Instance", "aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2",
    "aws:secretsmanager/secret:Secret", "aws:sfn/stateMachine:StateMachine", "aws:sns/topic:Topic",
    "aws:sqs/queue:Queue", "aws:ssm/parameter:Parameter",
})  # fmt: skip


def check(resource: Resource, stack: Stack, config: Config) -> Iterable[Finding]:
    wanted = [str(key) for key in as_list(config["keys"])]
    if not wanted:
        return
    everything, own = resource.get("tagsAll"), resource.given("tags")
    if isinstance(everything, Mapping):  # own and default tags, as the provider puts them together
        keys: set[str] | Unknown = set(everything)
    else:
        defaults = stack.once(_defaults)
        if own is UNKNOWN or isinstance(defaults, Unknown):
            keys = UNKNOWN
        else:
            keys = {*defaults, *(own if isinstance(own, Mapping) else ())}
    if isinstance(keys, Unknown):
        yield unsettled(resource, "its tags")
    elif missing := [key for key in wanted if key not in keys]:
        yield refuse(
            resource,
            f"has no tag {', '.join(missing)}. Give it to the default_tags of the stack's provider, or to the "
            "resource.",
        )


def _defaults(stack: Stack) -> set[str] | Unknown:
    """Keys of the tags that all providers of the stack give; which one a resource has is not told."""
    given = [_tags(provider) for provider in stack.of_type(PROVIDER)]
    known = [one for one in given if not isinstance(one, Unknown)]
    if len(known) < len(given):
        return UNKNOWN
    return set.intersection(*known) if known else set()


def _tags(provider: Resource) -> set[str] | Unknown:
    defaults: Any = parse_json(provider.given("defaultTags"))
    tags = defaults.get("tags") if isinstance(defaults, Mapping) else defaults
    if tags is UNKNOWN:
        return UNKNOWN
    return {str(key) for key in tags} if isinstance(tags, Mapping) else set()


RULE = StackRule(
    id="required-tags",
    theme="baseline",
    description="Every resource that can have tags has those that the stack asks for.",
    why="Bills, clean-ups and permissions go by tags. What has none belongs to nobody, and stays.",
    steps="Give the tags to `default_tags` of the `aws.Provider`, once for all resources, or to `tags` of the "
    "resource.",
    unknown="Advises at preview when a resource's tags, or the default tags of a provider, are unknown; settled at "
    "update. Where a stack has several providers of AWS, the default tags that all of them give count.",
    severity=Severity.LOW,
    types=TAGGED,
    parameters={
        "keys": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "default": [],
            "description": "Keys of the tags that every resource has to have.",
        },
    },
    check=check,
)
