"""Known ways from few permissions to many: which actions together are one, and what each must reach.

Sources: Rhino Security Labs, "AWS IAM Privilege Escalation – Methods and Mitigation"; the list in cloudsplaining 0.9
(`PRIVILEGE_ESCALATION_METHODS`), which takes in pathfinding.cloud; Amazon ECS API reference, RunTask, `overrides`;
EventBridge Scheduler user guide, universal targets; AWS Step Functions developer guide, AWS SDK service integrations.
"""

from __future__ import annotations

from dataclasses import dataclass

PASS_ROLE = "iam:PassRole"
# Actions on what there is already: they lead further only where they reach, of all of these, one that the policy does
# not name.
ON_OTHERS = {
    PASS_ROLE: ("arn:aws:iam::*:role/*",),
    "sts:AssumeRole": ("arn:aws:iam::*:role/*",),
    "iam:AddUserToGroup": ("arn:aws:iam::*:group/*",),
    "iam:CreateAccessKey": ("arn:aws:iam::*:user/*",),
    "iam:CreateLoginProfile": ("arn:aws:iam::*:user/*",),
    "iam:UpdateAssumeRolePolicy": ("arn:aws:iam::*:role/*",),
    "iam:UpdateLoginProfile": ("arn:aws:iam::*:user/*",),
    "apprunner:UpdateService": ("arn:aws:apprunner:*:*:service/*/*",),
    "bedrock-agentcore:InvokeCodeInterpreter": ("arn:aws:bedrock-agentcore:*:*:code-interpreter-custom/*",),
    "cloudformation:ExecuteChangeSet": ("arn:aws:cloudformation:*:*:stack/*/*",),
    "cloudformation:UpdateStack": ("arn:aws:cloudformation:*:*:stack/*/*",),
    "codebuild:StartBuild": ("arn:aws:codebuild:*:*:project/*",),
    "codebuild:StartBuildBatch": ("arn:aws:codebuild:*:*:project/*",),
    "ec2:CreateLaunchTemplateVersion": ("arn:aws:ec2:*:*:launch-template/*",),
    "ec2:ModifyInstanceAttribute": ("arn:aws:ec2:*:*:instance/*",),
    "ec2-instance-connect:SendSSHPublicKey": ("arn:aws:ec2:*:*:instance/*",),
    "ecs:ExecuteCommand": ("arn:aws:ecs:*:*:task/*/*",),
    "glue:UpdateDevEndpoint": ("arn:aws:glue:*:*:devEndpoint/*",),
    "glue:UpdateJob": ("arn:aws:glue:*:*:job/*",),
    "lambda:UpdateFunctionCode": ("arn:aws:lambda:*:*:function:*",),
    "lambda:UpdateFunctionConfiguration": ("arn:aws:lambda:*:*:function:*",),
    "sagemaker:CreatePresignedNotebookInstanceUrl": ("arn:aws:sagemaker:*:*:notebook-instance/*",),
    "sagemaker:UpdateNotebookInstance": ("arn:aws:sagemaker:*:*:notebook-instance/*",),
    "ssm:SendCommand": ("arn:aws:ec2:*:*:instance/*", "arn:aws:ssm:*:*:document/AWS-RunShellScript"),
    "ssm:StartSession": ("arn:aws:ec2:*:*:instance/*",),
}
# Actions that change permissions: one's own, or those of somebody that the policy does not name.
ON_ONESELF = {
    "iam:AttachGroupPolicy": "group",
    "iam:AttachRolePolicy": "role",
    "iam:AttachUserPolicy": "user",
    "iam:CreatePolicyVersion": "policy",
    "iam:PutGroupPolicy": "group",
    "iam:PutRolePolicy": "role",
    "iam:PutUserPolicy": "user",
    "iam:SetDefaultPolicyVersion": "policy",
}


@dataclass(frozen=True)
class Escalation:
    """actions: all of them are needed. gain: what they lead to. passed_to: services that take the role passed."""

    actions: tuple[str, ...]
    gain: str
    passed_to: tuple[str, ...] = ()


def _passing(services: str, *actions: str) -> Escalation:
    passed_to = tuple(f"{service}.amazonaws.com" for service in services.split())
    return Escalation((PASS_ROLE, *actions), "run its own code or calls with any role", passed_to)


CHANGE = "change permissions, its own or anybody's"
IDENTITY = "become somebody else"
TAKE_OVER = "take over what runs with another role"

ESCALATIONS = (
    *(Escalation((action,), CHANGE) for action in sorted(ON_ONESELF)),
    Escalation(("iam:AddUserToGroup",), CHANGE),
    Escalation(("iam:CreateAccessKey",), IDENTITY),
    Escalation(("iam:CreateLoginProfile",), IDENTITY),
    Escalation(("iam:UpdateLoginProfile",), IDENTITY),
    Escalation(("iam:UpdateAssumeRolePolicy",), IDENTITY),
    Escalation(("sts:AssumeRole",), IDENTITY),
    # A role passed to what one makes oneself
    _passing("apprunner tasks.apprunner", "apprunner:CreateService"),
    _passing("batch ecs-tasks", "batch:RegisterJobDefinition", "batch:SubmitJob"),
    _passing(
        "bedrock-agentcore",
        "bedrock-agentcore:CreateCodeInterpreter",
        "bedrock-agentcore:StartCodeInterpreterSession",
        "bedrock-agentcore:InvokeCodeInterpreter",
    ),
    _passing("cloudformation", "cloudformation:CreateStack"),
    _passing("cloudformation", "cloudformation:CreateStackSet", "cloudformation:CreateStackInstances"),
    _passing("cloudformation", "cloudformation:UpdateStackSet"),
    _passing("codebuild", "codebuild:CreateProject", "codebuild:StartBuild"),
    _passing("codebuild", "codebuild:CreateProject", "codebuild:StartBuildBatch"),
    _passing("datapipeline", "datapipeline:CreatePipeline", "datapipeline:PutPipelineDefinition"),
    _passing("ec2", "ec2:RunInstances"),
    _passing("ec2", "ec2:RequestSpotInstances"),
    _passing("ecs-tasks", "ecs:RunTask"),
    _passing("ecs-tasks", "ecs:StartTask"),
    _passing("ecs-tasks", "ecs:RegisterTaskDefinition", "ecs:CreateService"),
    _passing("ecs-tasks", "ecs:RegisterTaskDefinition", "ecs:UpdateService"),
    _passing("glue", "glue:CreateDevEndpoint"),
    _passing("glue", "glue:CreateJob", "glue:StartJobRun"),
    _passing("glue", "glue:CreateJob", "glue:CreateTrigger"),
    _passing("glue", "glue:UpdateJob", "glue:StartJobRun"),
    _passing("glue", "glue:UpdateJob", "glue:CreateTrigger"),
    _passing("lambda", "lambda:CreateFunction", "lambda:InvokeFunction"),
    _passing("lambda", "lambda:CreateFunction", "lambda:AddPermission"),
    _passing("lambda", "lambda:CreateFunction", "lambda:CreateEventSourceMapping"),
    _passing("sagemaker", "sagemaker:CreateNotebookInstance"),
    _passing("sagemaker", "sagemaker:CreateProcessingJob"),
    _passing("sagemaker", "sagemaker:CreateTrainingJob"),
    _passing("scheduler", "scheduler:CreateSchedule"),
    _passing("states", "states:CreateStateMachine", "states:StartExecution"),
    # What is there already and has a role
    Escalation(("apprunner:UpdateService",), TAKE_OVER),
    Escalation(("bedrock-agentcore:StartCodeInterpreterSession", "bedrock-agentcore:InvokeCodeInterpreter"), TAKE_OVER),
    Escalation(("cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"), TAKE_OVER),
    Escalation(("cloudformation:UpdateStack",), TAKE_OVER),
    Escalation(("codebuild:StartBuild",), TAKE_OVER),
    Escalation(("codebuild:StartBuildBatch",), TAKE_OVER),
    Escalation(("ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"), TAKE_OVER),
    Escalation(("ec2:ModifyInstanceAttribute", "ec2:StopInstances", "ec2:StartInstances"), TAKE_OVER),
    Escalation(("ec2-instance-connect:SendSSHPublicKey",), TAKE_OVER),
    Escalation(("ecs:ExecuteCommand",), TAKE_OVER),
    Escalation(("glue:UpdateDevEndpoint",), TAKE_OVER),
    Escalation(("lambda:UpdateFunctionCode",), TAKE_OVER),
    Escalation(("lambda:UpdateFunctionConfiguration",), TAKE_OVER),  # by a layer with code of its own
    Escalation(("sagemaker:CreatePresignedNotebookInstanceUrl",), TAKE_OVER),
    Escalation(
        (
            "sagemaker:CreateNotebookInstanceLifecycleConfig",
            "sagemaker:StopNotebookInstance",
            "sagemaker:UpdateNotebookInstance",
            "sagemaker:StartNotebookInstance",
        ),
        TAKE_OVER,
    ),
    Escalation(("ssm:SendCommand",), TAKE_OVER),
    Escalation(("ssm:StartSession",), TAKE_OVER),
)
