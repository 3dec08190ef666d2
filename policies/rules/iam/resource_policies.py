"""The policies that a resource has itself, in whichever property, also those that are written as properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policies.model import UNKNOWN, Resource
from policies.rules.iam.statements import Document, read

# Type → property with its policy document. Where what a policy allows is meant for everybody, as of API Gateway or a
# public registry, or only takes away, as of a VPC endpoint, there is none.
DOCUMENTS = {
    **dict.fromkeys(
        (
            "aws:acmpca/policy:Policy",
            "aws:backup/vaultPolicy:VaultPolicy",
            "aws:bedrock/agentcoreResourcePolicy:AgentcoreResourcePolicy",
            "aws:cloudwatch/eventBusPolicy:EventBusPolicy",
            "aws:codebuild/resourcePolicy:ResourcePolicy",
            "aws:dynamodb/resourcePolicy:ResourcePolicy",
            "aws:ecr/registryPolicy:RegistryPolicy",
            "aws:ecr/repositoryPolicy:RepositoryPolicy",
            "aws:efs/fileSystemPolicy:FileSystemPolicy",
            "aws:glue/resourcePolicy:ResourcePolicy",
            "aws:kinesis/resourcePolicy:ResourcePolicy",
            "aws:kms/externalKey:ExternalKey",
            "aws:kms/key:Key",
            "aws:kms/keyPolicy:KeyPolicy",
            "aws:kms/replicaExternalKey:ReplicaExternalKey",
            "aws:kms/replicaKey:ReplicaKey",
            "aws:lambda/resourcePolicy:ResourcePolicy",
            "aws:msk/clusterPolicy:ClusterPolicy",
            "aws:redshift/resourcePolicy:ResourcePolicy",
            "aws:redshiftserverless/resourcePolicy:ResourcePolicy",
            "aws:s3/accessPoint:AccessPoint",
            "aws:s3/bucket:Bucket",
            "aws:s3/bucketPolicy:BucketPolicy",
            "aws:s3/bucketV2:BucketV2",
            "aws:s3control/accessPointPolicy:AccessPointPolicy",
            "aws:s3control/bucketPolicy:BucketPolicy",
            "aws:s3control/objectLambdaAccessPointPolicy:ObjectLambdaAccessPointPolicy",
            "aws:schemas/registryPolicy:RegistryPolicy",
            "aws:secretsmanager/secret:Secret",
            "aws:secretsmanager/secretPolicy:SecretPolicy",
            "aws:ses/identityPolicy:IdentityPolicy",
            "aws:sesv2/emailIdentityPolicy:EmailIdentityPolicy",
            "aws:sns/topic:Topic",
            "aws:sns/topicPolicy:TopicPolicy",
            "aws:sqs/queue:Queue",
            "aws:sqs/queuePolicy:QueuePolicy",
            "aws:vpclattice/resourcePolicy:ResourcePolicy",
        ),
        "policy",
    ),
    "aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy": "accessPolicy",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyDocument",
    "aws:codeartifact/domainPermissions:DomainPermissions": "policyDocument",
    "aws:codeartifact/repositoryPermissionsPolicy:RepositoryPermissionsPolicy": "policyDocument",
    "aws:elasticsearch/domain:Domain": "accessPolicies",
    "aws:elasticsearch/domainPolicy:DomainPolicy": "accessPolicies",
    "aws:glacier/vault:Vault": "accessPolicy",
    "aws:opensearch/domain:Domain": "accessPolicies",
    "aws:opensearch/domainPolicy:DomainPolicy": "accessPolicies",
    "aws:s3tables/tableBucketPolicy:TableBucketPolicy": "resourcePolicy",
    "aws:xray/resourcePolicy:ResourcePolicy": "policyDocument",
}
LAMBDA_PERMISSION = "aws:lambda/permission:Permission"
# Type → property → key of the condition that it is in the statement that AWS makes of it.
STATEMENTS = {
    LAMBDA_PERMISSION: {
        "eventSourceToken": "lambda:EventSourceToken",
        "principalOrgId": "aws:PrincipalOrgID",
        "sourceAccount": "aws:SourceAccount",
        "sourceArn": "aws:SourceArn",
    },
    "aws:cloudwatch/eventPermission:EventPermission": {},
    "aws:lambda/layerVersionPermission:LayerVersionPermission": {"organizationId": "aws:PrincipalOrgID"},
}


def policy(resource: Resource) -> Document | None:
    """The resource's own policy; None if it has none."""
    if resource.type in STATEMENTS:
        return read("its permission", {"Statement": [_statement(resource)]})
    name = DOCUMENTS[resource.type]
    value = resource.get(name)
    return None if value in (None, "", "{}") else read(f"its {name}", value)


def _statement(resource: Resource) -> dict[str, Any]:
    """The statement that AWS makes of properties."""
    keys = STATEMENTS[resource.type]
    condition: Any = {
        "StringLike": {key: resource.get(name) for name, key in keys.items() if resource.get(name) is not None}
    }
    given = resource.get("condition")  # of an event bus
    if isinstance(given, Mapping):
        condition = {str(given.get("type")): {str(given.get("key")): given.get("value")}}
    elif given is UNKNOWN:
        condition = UNKNOWN
    principal = resource.get("principal")
    action = resource.get("action")  # that of an event bus may be left out
    is_service = isinstance(principal, str) and ".amazon" in principal
    return {
        "Effect": "Allow",
        "Principal": {"Service" if is_service else "AWS": principal},
        "Action": "events:PutEvents" if action is None else action,
        "Condition": condition,
    }
