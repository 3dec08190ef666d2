"""Where a stack lives, and the physical names and ARNs that follow from it.

Physical names make every ARN known at preview, so policies read whole IAM documents before anything exists.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """One stack in one account and region."""

    project: str
    stack: str
    account: str
    region: str
    partition: str

    def name(self, thing: str) -> str:
        """Physical name of one of the stack's things; hyphens, as ECS, SQS and S3 all accept them."""
        return f"{self.project}-{self.stack}-{thing}".replace("_", "-")

    @property
    def domain(self) -> str:
        """Of the partition's service endpoints."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def bucket_name(self, thing: str) -> str:
        """Bucket names are unique in the whole partition, so the account is part of them; 63 characters at the most."""
        return f"{self.name(thing)}-{self.account}"

    def bucket_arn(self, bucket: str) -> str:
        return f"arn:{self.partition}:s3:::{bucket}"

    def role_arn(self, role: str) -> str:
        return f"arn:{self.partition}:iam::{self.account}:role/{role}"
