"""Least-privilege IAM: what may be done, as statements, and the one component that makes roles of them.

No other file writes IAM. Statements reach the engine as plain inputs of the `Role` component, so policies can read
them at preview even where an ARN is not known yet.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.site import Site

ArnInput = pulumi.Input[str]
# Prefixes of cross-region inference profiles.
GEOGRAPHIES = frozenset({"apac", "au", "ca", "eu", "global", "jp", "us", "us-gov"})


class Statement(TypedDict):
    """One IAM policy statement."""

    Effect: str
    Action: list[str]
    Resource: NotRequired[list[ArnInput]]
    Principal: NotRequired[Any]
    Condition: NotRequired[dict[str, Any]]


def allow(actions: Sequence[str], resources: Sequence[ArnInput], condition: dict[str, Any] | None = None) -> Statement:
    statement = Statement(Effect="Allow", Action=sorted(actions), Resource=list(resources))
    if condition:
        statement["Condition"] = condition
    return statement


# --- grants: one function for each thing a workload may do ------------------------------------------------------


def link_objects(bucket_arn: str) -> list[Statement]:
    """Sign links to objects: a link may do what its signer may."""
    return [allow(["s3:GetObject"], [f"{bucket_arn}/*"])]


def read_objects(bucket_arn: str, prefix: str = "") -> list[Statement]:
    """Read objects below a prefix, and tell a missing object from a forbidden one.

    For the latter S3 asks for ListBucket, and of a GetObject it knows no prefix: a condition on it would never hold.
    """
    return [allow(["s3:GetObject"], [f"{bucket_arn}/{prefix}*"]), allow(["s3:ListBucket"], [bucket_arn])]


def write_objects(bucket_arn: str, prefix: str = "") -> list[Statement]:
    return [allow(["s3:PutObject"], [f"{bucket_arn}/{prefix}*"])]


def list_objects(bucket_arn: str, prefix: str = "") -> list[Statement]:
    """List objects below a prefix, or all."""
    return [allow(["s3:ListBucket"], [bucket_arn], {"StringLike": {"s3:prefix": [f"{prefix}*"]}} if prefix else None)]


def read_secret(secret_arn: str) -> list[Statement]:
    return [allow(["secretsmanager:GetSecretValue"], [secret_arn])]


def mount_secret(secret_arn: str) -> list[Statement]:
    """What the Secrets Store CSI driver does with a pod's role."""
    return [allow(["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], [secret_arn])]


def invoke_model(site: Site, model: str) -> list[Statement]:
    """Invoke one Bedrock model or, if its id begins with a geography, one inference profile and the model behind it."""
    geography, _, foundation = model.partition(".")
    if geography not in GEOGRAPHIES:
        return [
            allow(["bedrock:InvokeModel"], [f"arn:{site.partition}:bedrock:{site.region}::foundation-model/{model}"])
        ]
    profile = site.arn("bedrock", f"inference-profile/{model}")
    return [
        allow(["bedrock:InvokeModel"], [profile]),
        # The profile chooses the region; only through it may the model be called there.
        allow(
            ["bedrock:InvokeModel"],
            [f"arn:{site.partition}:bedrock:*::foundation-model/{foundation}"],
            {"StringEquals": {"bedrock:InferenceProfileArn": profile}},
        ),
    ]


def send_messages(*queue_arns: str) -> list[Statement]:
    return [allow(["sqs:SendMessage"], queue_arns)]


def consume_queue(*queue_arns: str) -> list[Statement]:
    """What an event source mapping needs, and what changes a received message."""
    actions = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    return [allow(actions, queue_arns)]


def take_messages(*queue_arns: str) -> list[Statement]:
    """What an event source mapping needs by itself."""
    return [allow(["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], queue_arns)]


def hold_messages(*queue_arns: str) -> list[Statement]:
    """Keep, give back or delete messages that somebody else received."""
    return [allow(["sqs:ChangeMessageVisibility", "sqs:DeleteMessage"], queue_arns)]


def measure_queues(*queue_arns: str) -> list[Statement]:
    """See how many messages there are, and none of them."""
    return [allow(["sqs:GetQueueAttributes"], queue_arns)]


def write_items(
    table_arn: str, *, read: bool = True, create: bool = False, delete: bool = False, keys: Sequence[str] = ()
) -> list[Statement]:
    """Change single items of a table; only those whose key is like one of `keys`, if there are any."""
    actions = ["dynamodb:UpdateItem"]
    actions += ["dynamodb:GetItem"] if read else []
    actions += ["dynamodb:PutItem"] if create else []
    actions += ["dynamodb:DeleteItem"] if delete else []
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(keys)}} if keys else None
    return [allow(actions, [table_arn], condition)]


def read_items(table_arn: str) -> list[Statement]:
    return [allow(["dynamodb:GetItem"], [table_arn])]


def query_index(table_arn: str, index: str) -> list[Statement]:
    return [allow(["dynamodb:Query"], [f"{table_arn}/index/{index}"])]


def read_stream(stream_arn: ArnInput) -> list[Statement]:
    # ListStreams has no resource of its own, and a consumer that knows the stream does not need it.
    actions = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    return [allow(actions, [stream_arn])]


def invoke_function(function_arn: str) -> list[Statement]:
    return [allow(["lambda:InvokeFunction"], [function_arn])]


def publish(topic_arn: ArnInput) -> list[Statement]:
    return [allow(["sns:Publish"], [topic_arn])]


def run_tasks(site: Site, cluster: str, families: Sequence[str], roles: Sequence[str]) -> list[Statement]:
    """Start tasks of these families on one cluster, and hand them exactly their roles."""
    on_cluster = {"ArnEquals": {"ecs:cluster": site.arn("ecs", f"cluster/{cluster}")}}
    definitions = [site.arn("ecs", f"task-definition/{family}:*") for family in families]
    return [
        allow(["ecs:RunTask"], definitions, on_cluster),
        *hand_over_roles(site, roles),
        *_tasks(site, cluster, "ecs:DescribeTasks"),
    ]


def stop_tasks(site: Site, cluster: str) -> list[Statement]:
    return _tasks(site, cluster, "ecs:StopTask")


def protect_tasks(site: Site, cluster: str) -> list[Statement]:
    """Keep tasks from being stopped while they are busy; by the agent's endpoint a task reaches only itself."""
    return _tasks(site, cluster, "ecs:UpdateTaskProtection")


def scale_services(site: Site, cluster: str, services: Sequence[str]) -> list[Statement]:
    """See these services of one cluster, and change how many tasks they have, on which capacity, of which image."""
    arns = [site.arn("ecs", f"service/{cluster}/{service}") for service in services]
    return [allow(["ecs:DescribeServices", "ecs:UpdateService"], arns)]


def _tasks(site: Site, cluster: str, *actions: str) -> list[Statement]:
    on_cluster = {"ArnEquals": {"ecs:cluster": site.arn("ecs", f"cluster/{cluster}")}}
    return [allow(actions, [site.arn("ecs", f"task/{cluster}/*")], on_cluster)]


def submit_jobs(site: Site, definitions: Sequence[str], queues: Sequence[str]) -> list[Statement]:
    """Submit jobs of these definitions, whatever the revision, to these queues; a job with tags would need more."""
    return [
        allow(
            ["batch:SubmitJob"],
            [
                *_job_definitions(site, definitions),
                *(site.arn("batch", f"job-queue/{queue}") for queue in queues),
                site.arn("batch", "job/*"),  # a job's id is not known before it is submitted
            ],
        )
    ]


def see_jobs() -> list[Statement]:
    """See all jobs and queues of the account."""
    # The actions know no resource.
    return [allow(["batch:DescribeJobQueues", "batch:DescribeJobs", "batch:ListJobs"], ["*"])]


def see_job_definitions() -> list[Statement]:
    return [allow(["batch:DescribeJobDefinitions"], ["*"])]  # the action knows no resource


def define_jobs(site: Site, definitions: Sequence[str]) -> list[Statement]:
    """Read job definitions, and add revisions to these with the tags of those before."""
    return [
        *see_job_definitions(),
        allow(["batch:RegisterJobDefinition"], [site.arn("batch", f"job-definition/{name}") for name in definitions]),
        # Asked for with tags, of what is made and of what the call names. AWS Batch has no key that says it is only so.
        allow(["batch:TagResource"], _job_definitions(site, definitions)),
    ]


def _job_definitions(site: Site, names: Sequence[str]) -> list[str]:
    """ARNs without and with revisions."""
    return [site.arn("batch", f"job-definition/{name}{revision}") for name in names for revision in ("", ":*")]


# Whoever waits for jobs or tasks in Step Functions needs what its developer guide lists at "Run a Job (.sync)".


def follow_jobs(site: Site) -> list[Statement]:
    """Let Step Functions wait for jobs of AWS Batch, and end one that nobody waits for any more."""
    return [
        allow(["batch:DescribeJobs"], ["*"]),  # the action knows no resource
        allow(["batch:TerminateJob"], [site.arn("batch", "job/*")]),  # a job's id is not known before it is submitted
        *_hear_of_ends(site, "StepFunctionsGetEventsForBatchJobsRule"),
    ]


def follow_tasks(site: Site, cluster: str) -> list[Statement]:
    """Let Step Functions wait for tasks that it may run, and stop one that nobody waits for any more."""
    return [*stop_tasks(site, cluster), *_hear_of_ends(site, "StepFunctionsGetEventsForECSTaskRule")]


def _hear_of_ends(site: Site, rule: str) -> list[Statement]:
    """Make the account's one rule by which Step Functions hears of ends, if it is not there."""
    return [allow(["events:DescribeRule", "events:PutRule", "events:PutTargets"], [site.arn("events", f"rule/{rule}")])]


def run_maps(site: Site, machine: str) -> list[Statement]:
    """Let a state machine run its own Distributed Maps, whose pieces are executions `<machine>/<label>:<id>`.

    Source: IAM policies for using Distributed Map states, AWS Step Functions developer guide.
    """
    pieces = [site.arn("states", f"execution:{machine}{rest}") for rest in ("/*", ":*")]
    return [
        allow(["states:StartExecution"], [site.arn("states", f"stateMachine:{machine}")]),
        allow(["states:DescribeExecution", "states:StopExecution"], pieces),
    ]


def deliver_logs() -> list[Statement]:
    """Have logs delivered by CloudWatch. Source: logging, AWS Step Functions developer guide."""
    actions = ["CreateLogDelivery", "DeleteLogDelivery", "DescribeLogGroups", "DescribeResourcePolicies"]
    actions += ["GetLogDelivery", "ListLogDeliveries", "PutResourcePolicy", "UpdateLogDelivery"]
    return [allow([f"logs:{action}" for action in actions], ["*"])]  # the actions know no resource


def trace() -> list[Statement]:
    """Send traces to X-Ray."""
    actions = ["GetSamplingRules", "GetSamplingTargets", "PutTelemetryRecords", "PutTraceSegments"]
    return [allow([f"xray:{action}" for action in actions], ["*"])]  # the actions know no resource


def join_clusters(site: Site, name: str) -> list[Statement]:
    """What the ECS agent of an instance needs in the clusters that AWS Batch makes of environments called `name`…"""
    cluster = f"AWSBatch-{name}*"
    reporting = ["ecs:DeregisterContainerInstance", "ecs:RegisterContainerInstance"]
    reporting += ["ecs:SubmitAttachmentStateChanges", "ecs:SubmitContainerStateChange", "ecs:SubmitTaskStateChange"]
    instances = site.arn("ecs", f"container-instance/{cluster}/*")
    return [
        allow(["ecs:DiscoverPollEndpoint"], ["*"]),  # the action knows no resource
        allow(reporting, [site.arn("ecs", f"cluster/{cluster}")]),
        allow(["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"], [instances]),
        allow(["ecs:TagResource"], [instances], {"StringEquals": {"ecs:CreateAction": "RegisterContainerInstance"}}),
    ]


def scale_node_groups(site: Site, cluster: str) -> list[Statement]:
    """What the cluster autoscaler needs. Source: its documentation of AWS as the cloud provider."""
    looks = ["autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances"]
    looks += ["autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities"]
    looks += ["ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions"]
    looks += ["ec2:GetInstanceTypesFromInstanceRequirements"]
    groups = [site.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/eks-*")]
    own = {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}": "owned"}}
    return [
        allow(looks, ["*"]),  # the actions know no resource
        allow(["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"], groups, own),
        allow(["eks:DescribeNodegroup"], [site.arn("eks", f"nodegroup/{cluster}/*")]),
    ]


def define_tasks(site: Site, families: Sequence[str]) -> list[Statement]:
    """Read task definitions, and add revisions to these families with the tags of those before."""
    definitions = [site.arn("ecs", f"task-definition/{family}:*") for family in families]
    return [
        allow(["ecs:DescribeTaskDefinition"], ["*"]),  # the action knows no resource
        allow(["ecs:RegisterTaskDefinition"], definitions),
        allow(["ecs:TagResource"], definitions, {"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}}),
    ]


def hand_over_roles(site: Site, roles: Sequence[str]) -> list[Statement]:
    """Give these roles to tasks."""
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    return [allow(["iam:PassRole"], [site.role_arn(role) for role in roles], to_tasks)]


def write_logs(log_group_arn: str) -> list[Statement]:
    return [allow(["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:*"])]


def pull_image(repository_arn: str) -> list[Statement]:
    return [
        allow(["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [repository_arn]),
        *log_in_to_registry(),
    ]


def log_in_to_registry() -> list[Statement]:
    return [allow(["ecr:GetAuthorizationToken"], ["*"])]  # the action knows no resource


def push_images(*repository_arns: str) -> list[Statement]:
    """Push images and layers, and pull those that are there."""
    actions = ["ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"]
    actions += ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [allow(actions, repository_arns)]


def find_images(*repository_arns: str) -> list[Statement]:
    return [allow(["ecr:DescribeImages"], repository_arns)]


def read_parameters(*parameter_arns: str) -> list[Statement]:
    return [allow(["ssm:GetParameter"], parameter_arns)]


def write_parameters(*parameter_arns: str) -> list[Statement]:
    return [allow(["ssm:PutParameter"], parameter_arns)]


def take_artifacts(bucket_arn: str) -> list[Statement]:
    """What CodeBuild needs to get its input from CodePipeline's bucket."""
    return [
        allow(["s3:GetObject", "s3:GetObjectVersion"], [f"{bucket_arn}/*"]),
        allow(["s3:GetBucketAcl", "s3:GetBucketLocation"], [bucket_arn]),
    ]


def keep_artifacts(bucket_arn: str) -> list[Statement]:
    """What CodePipeline needs of its bucket. Source: its service role policy, AWS CodePipeline user guide."""
    actions = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl"]
    return [
        allow(actions, [f"{bucket_arn}/*"]),
        allow(["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"], [bucket_arn]),
    ]


def run_builds(*project_arns: str) -> list[Statement]:
    return [allow(["codebuild:BatchGetBuilds", "codebuild:StartBuild"], project_arns)]


def use_connection(connection_arn: str) -> list[Statement]:
    """Read a repository through a connection; its ARN begins with the service's old name or with its new one."""
    return [allow([f"{connection_arn.split(':')[2]}:UseConnection"], [connection_arn])]


def read_repository(repository_arn: str) -> list[Statement]:
    """What CodePipeline needs of a CodeCommit repository."""
    actions = ["codecommit:CancelUploadArchive", "codecommit:GetBranch", "codecommit:GetCommit"]
    actions += ["codecommit:GetUploadArchiveStatus", "codecommit:UploadArchive"]
    return [allow(actions, [repository_arn])]


def start_pipeline(pipeline_arn: str) -> list[Statement]:
    return [allow(["codepipeline:StartPipelineExecution"], [pipeline_arn])]


# --- resource policies ---------------------------------------------------------------------------------------


def tls_only(resource_arns: Sequence[str], action: str) -> Statement:
    """Refuse whatever comes without TLS."""
    return Statement(
        Effect="Deny",
        Principal="*",
        Action=[action],
        Resource=list(resource_arns),
        Condition={"Bool": {"aws:SecureTransport": "false"}},
    )


def callers_from(addresses: Sequence[str]) -> list[Statement]:
    """Resource policy of an API: anybody with a key, and only from these addresses if there are any."""
    invoke = Statement(Effect="Allow", Principal="*", Action=["execute-api:Invoke"], Resource=["execute-api:/*"])
    if not addresses:
        return [invoke]
    elsewhere = {"NotIpAddress": {"aws:SourceIp": list(addresses)}}
    return [invoke, invoke | Statement(Effect="Deny", Action=["execute-api:Invoke"], Condition=elsewhere)]


def alarms_publish(site: Site, topic_arn: str) -> list[Statement]:
    """Resource policy of a topic: CloudWatch alarms of this account may publish."""
    condition = {"StringEquals": {"aws:SourceAccount": site.account}}
    return [
        Statement(
            Effect="Allow",
            Principal={"Service": "cloudwatch.amazonaws.com"},
            Action=["sns:Publish"],
            Resource=[topic_arn],
            Condition=condition,
        )
    ]


def events_publish(topic_arn: str, rule_arns: Sequence[str]) -> Statement:
    """In a topic's policy: EventBridge may publish what these rules match."""
    return Statement(
        Effect="Allow",
        Principal={"Service": "events.amazonaws.com"},
        Action=["sns:Publish"],
        Resource=[topic_arn],
        Condition={"ArnEquals": {"aws:SourceArn": list(rule_arns)}},
    )


def events_send(queue_arn: str, rule_arns: Sequence[str]) -> Statement:
    """In a queue's policy: EventBridge may send what these rules match, or could not deliver."""
    return Statement(
        Effect="Allow",
        Principal={"Service": "events.amazonaws.com"},
        Action=["sqs:SendMessage"],
        Resource=[queue_arn],
        Condition={"ArnEquals": {"aws:SourceArn": list(rule_arns)}},
    )


def document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """The policy document as canonical JSON: the same statements give the same text, so nothing drifts."""
    return pulumi.Output.from_input(list(statements)).apply(
        lambda known: json.dumps({"Version": "2012-10-17", "Statement": known}, sort_keys=True)
    )


# --- roles ---------------------------------------------------------------------------------------------------


def assumed_by(site: Site, service: str) -> list[Statement]:
    """Trust for one AWS service; where the service says for whom it acts, only for this account."""
    statement = Statement(Effect="Allow", Principal={"Service": f"{service}.amazonaws.com"}, Action=["sts:AssumeRole"])
    if service == "ecs-tasks":
        statement["Condition"] = {
            "ArnLike": {"aws:SourceArn": site.arn("ecs", "*")},
            "StringEquals": {"aws:SourceAccount": site.account},
        }
    elif service in ("codebuild", "codepipeline", "events", "pipes", "scheduler", "states"):
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": site.account}}
    return [statement]  # Lambda, API Gateway and EC2 are not known to send source keys when they assume a role


def assumed_by_cluster(site: Site, *, auto: bool) -> list[Statement]:
    """Trust for EKS, as the role of a cluster; auto: in Auto Mode, which tags its sessions."""
    return [
        Statement(
            Effect="Allow",
            Principal={"Service": "eks.amazonaws.com"},
            Action=["sts:AssumeRole", *(["sts:TagSession"] if auto else [])],
            Condition={"StringEquals": {"aws:SourceAccount": site.account}},
        )
    ]


def assumed_by_pods(site: Site, cluster: str, namespace: str, account: str) -> list[Statement]:
    """Trust by EKS Pod Identity, for the pods of one service account in one cluster."""
    return [
        Statement(
            Effect="Allow",
            Principal={"Service": "pods.eks.amazonaws.com"},
            Action=["sts:AssumeRole", "sts:TagSession"],
            Condition={
                "ArnEquals": {"aws:SourceArn": site.arn("eks", f"cluster/{cluster}")},
                "StringEquals": {
                    "aws:SourceAccount": site.account,
                    "aws:RequestTag/kubernetes-namespace": namespace,
                    "aws:RequestTag/kubernetes-service-account": account,
                },
            },
        )
    ]


def assumed_by_service_account(
    issuer: pulumi.Input[str], provider_arn: pulumi.Input[str], namespace: str, account: str
) -> list[Statement]:
    """Trust by IAM roles for service accounts: one account's tokens, and only those that are meant for AWS.

    issuer: of the cluster's tokens, with or without https://.
    """
    condition: Any  # known at preview where the issuer is, so that policies can read it
    if isinstance(issuer, str):
        condition = _tokens(issuer, namespace, account)
    else:
        condition = pulumi.Output.from_input(issuer).apply(lambda url: _tokens(url, namespace, account))
    return [
        Statement(
            Effect="Allow",
            Principal={"Federated": provider_arn},
            Action=["sts:AssumeRoleWithWebIdentity"],
            Condition=condition,
        )
    ]


def _tokens(issuer: str, namespace: str, account: str) -> dict[str, Any]:
    host = issuer.removeprefix("https://")
    subject = f"system:serviceaccount:{namespace}:{account}"
    return {"StringEquals": {f"{host}:aud": "sts.amazonaws.com", f"{host}:sub": subject}}


class Role(pulumi.ComponentResource):
    """An IAM role for one workload: one principal may assume it, and it may do what its statements say."""

    def __init__(
        self,
        name: str,
        site: Site,
        principal: str | Sequence[Statement],
        statements: Sequence[Statement],
        opts: pulumi.ResourceOptions | None = None,
        *,
        managed: Sequence[str] = (),
    ):
        """
        principal: the service that assumes it, e.g. "lambda", "ecs-tasks", "ec2", or the statements that say who.
        statements: what it may do; adjacent statements of equal effect and scope are not merged.
        managed: AWS's own policies besides, by name, where a service asks for them.
        """
        self.role_name = site.name(name)
        trust = assumed_by(site, principal) if isinstance(principal, str) else list(principal)
        super().__init__(
            "serverless-batch:permissions:Role",
            name,
            {"roleName": self.role_name, "trust": trust, "statements": list(statements)},
            opts,
        )
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(name, name=self.role_name, assume_role_policy=document(trust), opts=child)
        policies: list[pulumi.Input[str]] = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{policy}",
                role=role.name,
                policy_arn=f"arn:{site.partition}:iam::aws:policy/{policy}",
                opts=child,
            ).id
            for policy in managed
        ]
        if statements:
            policies.append(aws.iam.RolePolicy(name, role=role.name, policy=document(statements), opts=child).id)
        # Whoever uses the role needs its policies in place, not just the role.
        self.arn = pulumi.Output.all(role.arn, *policies).apply(lambda known: known[0])
        self.register_outputs({"arn": self.arn})
