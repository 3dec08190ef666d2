"""An engine that creates nothing: it answers with the ids and outputs that AWS would give.

Enough to evaluate a program and its policies; also the answer for resources that the sandbox only records.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

ACCOUNT = "123456789012"  # the account that moto plays
PARTITION = "aws"
CLUSTER_VERSION = "1.35"  # of every EKS cluster that is there already

# Type → the resource part of its ARN; {name} is the physical name.
ARNS = {
    "aws:apigateway/apiKey:ApiKey": "apigateway:/apikeys/{name}",
    "aws:batch/computeEnvironment:ComputeEnvironment": "batch:compute-environment/{name}",
    "aws:batch/jobDefinition:JobDefinition": "batch:job-definition/{name}:1",
    "aws:batch/jobQueue:JobQueue": "batch:job-queue/{name}",
    "aws:batch/schedulingPolicy:SchedulingPolicy": "batch:scheduling-policy/{name}",
    "aws:cloudwatch/eventRule:EventRule": "events:rule/{name}",
    "aws:cloudwatch/logGroup:LogGroup": "logs:log-group:{name}",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "cloudwatch:alarm:{name}",
    "aws:codebuild/project:Project": "codebuild:project/{name}",
    "aws:codepipeline/pipeline:Pipeline": "codepipeline:{name}",
    "aws:dynamodb/table:Table": "dynamodb:table/{name}",
    "aws:ecs/cluster:Cluster": "ecs:cluster/{name}",
    "aws:ecs/taskDefinition:TaskDefinition": "ecs:task-definition/{name}:1",
    "aws:eks/cluster:Cluster": "eks:cluster/{name}",
    "aws:iam/instanceProfile:InstanceProfile": "iam:instance-profile/{name}",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "iam:oidc-provider/{name}",
    "aws:iam/role:Role": "iam:role/{name}",
    "aws:lambda/function:Function": "lambda:function:{name}",
    "aws:pipes/pipe:Pipe": "pipes:pipe/{name}",
    "aws:s3/bucket:Bucket": "s3:{name}",
    "aws:scheduler/schedule:Schedule": "scheduler:schedule/default/{name}",
    "aws:sfn/stateMachine:StateMachine": "states:stateMachine:{name}",
    "aws:sns/topic:Topic": "sns:{name}",
    "aws:sqs/queue:Queue": "sqs:{name}",
    "aws:ssm/parameter:Parameter": "ssm:parameter{name}",
}
GLOBAL = {"iam": f"arn:{PARTITION}:iam::{ACCOUNT}:", "s3": f"arn:{PARTITION}:s3:::"}


class Invented:
    """`region`: where everything seems to be."""

    def __init__(self, region: str):
        self.region = region

    def create(self, type_: str, name: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if type_.startswith("kubernetes:"):
            metadata = inputs.get("metadata", {})
            return "/".join(metadata[key] for key in ("namespace", "name") if key in metadata) or name, inputs
        physical = physical_name(type_, name, inputs)
        outputs = inputs | {"arn": self.arn(type_, physical), "name": inputs.get("name") or physical}
        particular = self._particular(type_, physical, inputs)
        return particular.pop("id", physical), outputs | particular

    def arn(self, type_: str, physical: str) -> str:
        service = type_.split(":")[1].split("/")[0]
        service, _, resource = ARNS.get(type_, f"{service}:{{name}}").format(name=physical).partition(":")
        if service in GLOBAL:
            return GLOBAL[service] + resource
        return f"arn:{PARTITION}:{service}:{self.region}:{ACCOUNT}:{resource}"

    def _particular(self, type_: str, physical: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """Outputs that only one type has; the id, where it is not the name."""
        registry = f"{ACCOUNT}.dkr.ecr.{self.region}.amazonaws.com"
        match type_:
            case "aws:apigateway/apiKey:ApiKey":
                return {"value": hashlib.sha256(physical.encode()).hexdigest()[:40]}
            case "aws:apigateway/restApi:RestApi":
                execution = f"arn:{PARTITION}:execute-api:{self.region}:{ACCOUNT}:{physical}"
                return {"executionArn": execution, "rootResourceId": f"{physical}-root"}
            case "aws:apigateway/stage:Stage":
                host = f"{inputs['restApi']}.execute-api.{self.region}.amazonaws.com"
                return {"invokeUrl": f"https://{host}/{inputs['stageName']}"}
            case "aws:dynamodb/table:Table":
                return {"streamArn": f"{self.arn(type_, physical)}/stream/2026-01-01T00:00:00.000"}
            case "aws:ec2/launchTemplate:LaunchTemplate":
                return {"id": f"lt-{hashlib.sha256(physical.encode()).hexdigest()[:17]}"}
            case "aws:ecs/service:Service":
                cluster = inputs["cluster"].rsplit("/", 1)[-1]
                return {"arn": f"arn:{PARTITION}:ecs:{self.region}:{ACCOUNT}:service/{cluster}/{physical}"}
            case "aws:eks/cluster:Cluster":
                known = self._cluster(physical)
                authority = {"certificateAuthority": known["certificateAuthorities"][0]}
                group = {"clusterSecurityGroupId": "sg-0c1a5e0000000000c"}
                told = {name: known[name] for name in ("endpoint", "identities", "status")}
                return authority | told | {"vpcConfig": inputs["vpcConfig"] | group}
            case "aws:lambda/function:Function":
                path = f"path/2015-03-31/functions/{self.arn(type_, physical)}/invocations"
                return {"invokeArn": f"arn:{PARTITION}:apigateway:{self.region}:lambda:{path}"}
            case "aws:sqs/queue:Queue":
                url = f"https://sqs.{self.region}.amazonaws.com/{ACCOUNT}/{physical}"
                return {"id": url, "url": url}
            case "awsx:ec2:Vpc":
                return {
                    "vpcId": f"vpc-{physical}",
                    "publicSubnetIds": [f"subnet-{physical}-public-{n}" for n in (1, 2)],
                    "privateSubnetIds": [f"subnet-{physical}-private-{n}" for n in (1, 2)],
                }
            case "awsx:ecr:Image":
                return {"imageUri": f"{inputs['repositoryUrl']}:{inputs['imageTag']}"}
            case "awsx:ecr:Repository":
                return {"url": f"{registry}/{physical}"}
        return {}

    def _cluster(self, name: str) -> dict[str, Any]:
        """Of EKS, as the data source has it."""
        host = hashlib.sha256(name.encode()).hexdigest()[:32].upper()
        return {
            "arn": self.arn("aws:eks/cluster:Cluster", name),
            "version": CLUSTER_VERSION,
            "status": "ACTIVE",
            "endpoint": f"https://{host}.gr7.{self.region}.eks.amazonaws.com",
            "certificateAuthorities": [{"data": base64.b64encode(b"certificate of the sandbox").decode()}],
            "identities": [{"oidcs": [{"issuer": f"https://oidc.eks.{self.region}.amazonaws.com/id/{host}"}]}],
        }

    def invoke(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        match token:
            case "aws:eks/getCluster:getCluster":
                return args | self._cluster(args["name"]) | {"id": args["name"]}
            case "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider":
                issuer = str(args["url"]).removeprefix("https://")
                arn = self.arn("aws:iam/openIdConnectProvider:OpenIdConnectProvider", issuer)
                return args | {"arn": arn, "id": arn}
            case "aws:index/getCallerIdentity:getCallerIdentity":
                return {
                    "accountId": ACCOUNT,
                    "arn": f"arn:{PARTITION}:iam::{ACCOUNT}:root",
                    "userId": "AIDA",
                    "id": ACCOUNT,
                }
            case "aws:index/getPartition:getPartition":
                return {"partition": PARTITION, "dnsSuffix": "amazonaws.com", "id": PARTITION}
            case "aws:ssm/getParameter:getParameter":
                return args | {
                    "value": _parameter(self.region, str(args["name"])),
                    "type": "String",
                    "id": args["name"],
                }
            case "aws:ssm/getParametersByPath:getParametersByPath":
                return args | {"arns": [], "names": [], "types": [], "values": [], "id": args["path"]}  # not there yet
        raise LookupError(f"the sandbox has no answer for the data source {token}")


def physical_name(type_: str, name: str, inputs: dict[str, Any]) -> str:
    """The name that was asked for or, like the engine's, its prefix or the logical name with seven more characters."""
    for key in ("name", "bucket", "family"):
        if inputs.get(key) and not type_.startswith(("aws:s3/bucketP", "aws:s3/bucketO", "aws:s3/bucketS")):
            return str(inputs[key])
    prefix = inputs.get("namePrefix") or f"{name}-"
    return f"{prefix}{hashlib.sha256(f'{type_}{name}'.encode()).hexdigest()[:7]}"


def _parameter(region: str, name: str) -> str:
    """Public parameters of AWS; the only kind that a program can expect to find anywhere."""
    if name.startswith("/aws/service/powertools/python/"):
        architecture, runtime = name.split("/")[5:7]
        layer = f"AWSLambdaPowertoolsPythonV3-{runtime.replace('.', '')}-{architecture}"
        return f"arn:{PARTITION}:lambda:{region}:017000801446:layer:{layer}:1"
    raise LookupError(f"there is no public parameter {name}")
