"""Parents, providers, names and roles of everything that the program declares."""

from __future__ import annotations

import json
from typing import Any

import pytest
from component_support import (
    BATCH_WORKERS,
    FUNCTIONS,
    KUBERNETES_WORKERS,
    REGION,
    STACKS,
    STEPS,
    TASK_WORKERS,
    UNKNOWN,
    WORKFLOWS,
    containers,
    job_containers,
    platform,
    pod_roles,
    pods,
    policy,
)
from pulumi.runtime import mocks

DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
JOB_DEFINITION = "aws:batch/jobDefinition:JobDefinition"
PROVIDER = "pulumi:providers:aws"
ROLE_COMPONENT = "serverless-batch:permissions:Role"

# Component → what it declares itself; whatever else is in it is a component of its own.
CHILDREN = {
    "alerts:Alerts": {"sns/topic:Topic", "sns/topicPolicy:TopicPolicy", "sns/topicSubscription:TopicSubscription"},
    "batch_events:BatchEvents": {
        "cloudwatch/eventRule:EventRule",
        "cloudwatch/eventTarget:EventTarget",
        "cloudwatch/metricAlarm:MetricAlarm",
        "lambda/eventSourceMapping:EventSourceMapping",
    },
    "batch_jobs:BatchJobs": {"batch/jobDefinition:JobDefinition", "cloudwatch/logGroup:LogGroup"},
    "batch_queues:BatchQueues": {
        "batch/computeEnvironment:ComputeEnvironment",
        "batch/jobQueue:JobQueue",
        "batch/schedulingPolicy:SchedulingPolicy",
        "ec2/launchTemplate:LaunchTemplate",
        "iam/instanceProfile:InstanceProfile",
    },
    "build_project:BuildProject": {
        "cloudwatch/logGroup:LogGroup",
        "cloudwatch/metricAlarm:MetricAlarm",
        "codebuild/project:Project",
    },
    "cluster:Cluster": {"ecs/cluster:Cluster", "ecs/clusterCapacityProviders:ClusterCapacityProviders"},
    "eks_cluster:NewEksCluster": {
        "cloudwatch/logGroup:LogGroup",
        "eks/addon:Addon",
        "eks/cluster:Cluster",
        "kms/key:Key",
        "kubernetes",  # the provider
    },
    "eks_nodes:AutoNodes": {"core/v1:ConfigMap", "eks.amazonaws.com/v1:NodeClass", "karpenter.sh/v1:NodePool"},
    "eks_nodes:ManagedNodes": {
        "ec2/launchTemplate:LaunchTemplate",
        "eks/nodeGroup:NodeGroup",
        "eks/podIdentityAssociation:PodIdentityAssociation",
        "helm.sh/v3:Release",
    },
    "function:Function": {
        "cloudwatch/logGroup:LogGroup",
        "cloudwatch/metricAlarm:MetricAlarm",
        "lambda/function:Function",
    },
    "image:WorkerImage": {"ecr:Repository", "ecr:Image", "ssm/parameter:Parameter"},
    "image_pipeline:ImagePipeline": {"codepipeline/pipeline:Pipeline", "ecr:Repository"},
    "job_runner:JobRunner": {"lambda/eventSourceMapping:EventSourceMapping"},
    "kubernetes_workers:KubernetesWorkers": {
        "batch/v1:CronJob",
        "core/v1:ConfigMap",
        "core/v1:Namespace",
        "core/v1:ResourceQuota",
        "core/v1:ServiceAccount",
        "eks/podIdentityAssociation:PodIdentityAssociation",
        "networking.k8s.io/v1:NetworkPolicy",
    },
    "network:Network": {
        "ec2:Vpc",
        "ec2/securityGroup:SecurityGroup",
        "vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    },
    "notifier:Notifier": {
        "lambda/eventSourceMapping:EventSourceMapping",
        "pipes/pipe:Pipe",
        "sns/topic:Topic",
        "sns/topicSubscription:TopicSubscription",
    },
    "permissions:Role": {
        "iam/role:Role",
        "iam/rolePolicy:RolePolicy",
        "iam/rolePolicyAttachment:RolePolicyAttachment",
    },
    "pipeline_events:PipelineEvents": {"cloudwatch/eventRule:EventRule", "cloudwatch/eventTarget:EventTarget"},
    "platform:Platform": {"aws", "kubernetes"},  # the providers; of a cluster that is there already
    "queue:DeadLetterQueue": {
        "cloudwatch/metricAlarm:MetricAlarm",
        "sqs/queue:Queue",
        "sqs/queuePolicy:QueuePolicy",
    },
    "queue:Queue": {
        "cloudwatch/metricAlarm:MetricAlarm",
        "sqs/queue:Queue",
        "sqs/queuePolicy:QueuePolicy",
        "sqs/redriveAllowPolicy:RedriveAllowPolicy",
    },
    "queue_service:QueueService": {
        "appautoscaling/policy:Policy",
        "appautoscaling/target:Target",
        "cloudwatch/metricAlarm:MetricAlarm",
        "ecs/service:Service",
    },
    "queue_worker:QueueWorkers": {
        "cloudwatch/eventRule:EventRule",
        "cloudwatch/eventTarget:EventTarget",
        "lambda/permission:Permission",
    },
    "rounds:Rounds": {
        "lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        "scheduler/schedule:Schedule",
    },
    "rest_api:RestApi": {
        "apigateway/account:Account",
        "apigateway/apiKey:ApiKey",
        "apigateway/deployment:Deployment",
        "apigateway/restApi:RestApi",
        "apigateway/stage:Stage",
        "apigateway/usagePlan:UsagePlan",
        "apigateway/usagePlanKey:UsagePlanKey",
        "cloudwatch/logGroup:LogGroup",
        "iam/role:Role",
        "iam/rolePolicyAttachment:RolePolicyAttachment",
        "lambda/permission:Permission",
    },
    "scheduled_tasks:ScheduledTasks": {
        "cloudwatch/metricAlarm:MetricAlarm",
        "scheduler/schedule:Schedule",
        "scheduler/scheduleGroup:ScheduleGroup",
    },
    "storage:Bucket": {
        "s3/bucket:Bucket",
        "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "s3/bucketNotification:BucketNotification",
        "s3/bucketOwnershipControls:BucketOwnershipControls",
        "s3/bucketPolicy:BucketPolicy",
        "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    },
    "tables:IdempotencyTable": {"dynamodb/table:Table"},
    "tables:JobsTable": {"dynamodb/table:Table"},
    "workflow:StateMachine": {
        "cloudwatch/logGroup:LogGroup",
        "cloudwatch/metricAlarm:MetricAlarm",
        "sfn/stateMachine:StateMachine",
    },
    "task:FargateTask": {"cloudwatch/logGroup:LogGroup", "ecs/taskDefinition:TaskDefinition"},
}
# Whether a stack makes a cluster, and which nodes it has, is what the stacks differ in.
SOME = {
    "eks_cluster:NewEksCluster": ("staging", "prod"),
    "eks_nodes:AutoNodes": ("staging",),
    "eks_nodes:ManagedNodes": ("prod",),
}


@pytest.mark.parametrize("name", STACKS)
def test_every_resource_is_the_child_of_the_component_that_declares_it(stack, name: str) -> None:
    found = stack(name)
    seen: dict[str, set[str]] = {}
    for resource in found.all():
        if not resource.type.startswith("serverless-batch:"):
            parent = found.parent(resource).type.removeprefix("serverless-batch:")
            seen.setdefault(parent, set()).add(resource.type.split(":", 1)[1].removeprefix("providers:"))
    assert seen.keys() == {component for component in CHILDREN if name in SOME.get(component, STACKS)}
    for component, children in seen.items():
        assert children <= CHILDREN[component], component


@pytest.mark.parametrize("name", STACKS)
def test_every_resource_is_made_by_the_stacks_own_provider(stack, name: str) -> None:
    found = stack(name)
    provider = found.one(PROVIDER)  # there is no other
    ours = f"{provider.urn}::{provider.id}"
    assert provider.inputs["region"] == REGION
    for resource in found.all("aws:*"):
        assert resource.request.provider == ours, resource.urn
    for resource in found.all("awsx:*"):
        assert resource.request.providers["aws"] == ours, resource.urn
    cluster = found.one("pulumi:providers:kubernetes")
    for resource in found.all("kubernetes:*"):
        assert resource.request.provider == f"{cluster.urn}::{cluster.id}", resource.urn


def test_every_data_source_is_asked_of_the_stacks_own_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    invoke = mocks.MockMonitor.Invoke

    def recording(monitor: mocks.MockMonitor, request: Any) -> Any:
        asked.append((request.tok, request.provider))
        return invoke(monitor, request)

    monkeypatch.setattr(mocks.MockMonitor, "Invoke", recording)
    found = platform()
    provider = found.one(PROVIDER)
    assert {token for token, _ in asked} == {
        "aws:eks/getCluster:getCluster",
        "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider",
        "aws:index/getCallerIdentity:getCallerIdentity",
        "aws:index/getPartition:getPartition",
        "aws:ssm/getParameter:getParameter",
        "aws:ssm/getParametersByPath:getParametersByPath",
    }
    assert {reference for _, reference in asked} == {f"{provider.urn}::{provider.id}"}


@pytest.mark.parametrize("name", STACKS)
def test_physical_names_are_unique_and_bear_project_and_stack(stack, name: str) -> None:
    names = [(r.type, r.inputs[key]) for r in stack(name).all("aws*") for key in ("name", "bucket") if key in r.inputs]
    own = [
        (type_, given) for type_, given in names if not type_.startswith("aws:s3/bucket") or type_.endswith(":Bucket")
    ]
    assert len(own) == len(set(own))
    folders = {given for type_, given in own if type_ == "aws:ssm/parameter:Parameter"}
    folders |= {f"/serverless-batch/{name}/batch/{worker}" for worker in BATCH_WORKERS}  # log groups
    assert all(given.startswith(f"/serverless-batch/{name}/") for given in folders)
    assert all(f"serverless-batch-{name}-" in given for _, given in own if given not in folders)
    assert stack(name).inputs("kubernetes:core/v1:Namespace")["metadata"]["name"] == f"serverless-batch-{name}"


@pytest.mark.parametrize("name", STACKS)
def test_a_preview_declares_the_resources_of_the_update(stack, name: str) -> None:
    assert stack(name, preview=True).by_urn().keys() == stack(name).by_urn().keys()


@pytest.mark.parametrize("name", STACKS)
def test_at_preview_a_policy_can_read_all_that_a_role_may_do_and_who_may_assume_it(stack, name: str) -> None:
    before, after = stack(name, preview=True), stack(name)
    roles, with_statements = before.all(ROLE_COMPONENT), set(after.names("aws:iam/rolePolicy:RolePolicy"))
    assert {role.name for role in roles if role.inputs["statements"]} == with_statements
    for role in roles:
        assert UNKNOWN not in json.dumps(role.inputs), role.urn
        assert role.inputs["statements"] == (after.statements(role.name) if role.name in with_statements else [])
        made = after.inputs("aws:iam/role:Role", role.name)
        assert role.inputs["trust"] == policy(made["assumeRolePolicy"])
        assert role.inputs["roleName"] == made["name"]
    attached = [one.inputs["policyArn"] for one in before.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")]
    assert UNKNOWN not in attached  # AWS's own policies


@pytest.mark.parametrize("name", STACKS)
def test_at_preview_a_policy_can_read_every_container(stack, name: str) -> None:
    tasks = stack(name, preview=True).all("serverless-batch:task:FargateTask")
    assert {task.name: task.inputs["container"] for task in tasks} == containers(stack(name))
    jobs = stack(name, preview=True).all("serverless-batch:batch_jobs:BatchJobs")
    named = {d.inputs["name"]: job_containers(stack(name))[d.name] for d in stack(name).all(JOB_DEFINITION)}
    told = [dict(zip(job.inputs["names"].values(), job.inputs["containers"].values(), strict=True)) for job in jobs]
    assert {definition: container for one in told for definition, container in one.items()} == named
    assert pods(stack(name, preview=True)) == pods(stack(name))


@pytest.mark.parametrize("name", STACKS)
def test_each_workload_has_a_role_of_its_own(stack, name: str) -> None:
    found = stack(name)
    tasks = {d.inputs[key] for d in found.all(DEFINITION) for key in ("taskRoleArn", "executionRoleArn")}
    jobs = {job[key] for job in job_containers(found).values() for key in ("jobRoleArn", "executionRoleArn")}
    functions = {function.inputs["role"] for function in found.all("aws:lambda/function:Function")}
    pipes = {pipe.inputs["roleArn"] for pipe in found.all("aws:pipes/pipe:Pipe")}
    gateway = {account.inputs["cloudwatchRoleArn"] for account in found.all("aws:apigateway/account:Account")}
    schedules = {schedule.inputs["target"]["roleArn"] for schedule in found.all("aws:scheduler/schedule:Schedule")}
    steps = {project.inputs["serviceRole"] for project in found.all("aws:codebuild/project:Project")}
    pipeline = {pipeline.inputs["roleArn"] for pipeline in found.all("aws:codepipeline/pipeline:Pipeline")}
    machines = {machine.inputs["roleArn"] for machine in found.all("aws:sfn/stateMachine:StateMachine")}
    instances = {
        role.outputs["arn"]
        for profile in found.all("aws:iam/instanceProfile:InstanceProfile")
        for role in found.all("aws:iam/role:Role")
        if role.inputs.get("name") == profile.inputs["role"]
    }
    clusters = found.all("aws:eks/cluster:Cluster")
    planes = {cluster.inputs["roleArn"] for cluster in clusters}
    nodes = {group.inputs["nodeRoleArn"] for group in found.all("aws:eks/nodeGroup:NodeGroup")}
    nodes |= {auto.inputs["computeConfig"]["nodeRoleArn"] for auto in clusters if "computeConfig" in auto.inputs}
    of_pods = set(pod_roles(found).values())
    users = [tasks, jobs, functions, pipes, gateway, schedules, steps, pipeline, machines, instances]
    users += [planes, nodes, of_pods]
    counts = [2 * len(TASK_WORKERS), 2 * len(BATCH_WORKERS), len(FUNCTIONS[name]), 1, 1, 3, len(STEPS[name])]
    counts += [1, len(WORKFLOWS), 1]
    # In prod the network's and the autoscaler's pods, too; elsewhere AWS runs them or somebody else does.
    counts += {"dev": [0, 0], "staging": [1, 1], "prod": [1, 1]}[name]
    counts += [len(KUBERNETES_WORKERS) + (2 if name == "prod" else 0)]
    assert [len(roles) for roles in users] == counts
    assert set.union(*users) == {role.outputs["arn"] for role in found.all("aws:iam/role:Role")}
    assert sum(map(len, users)) == len(set.union(*users))
