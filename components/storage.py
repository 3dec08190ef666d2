"""S3 buckets: private, encrypted, TLS only, with a bounded life for what lies in them."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.permissions import document, tls_only
from components.site import Site


class Bucket(pulumi.ComponentResource):
    """A bucket without public access."""

    def __init__(
        self,
        name: str,
        site: Site,
        *,
        expire_days: int,
        protect: bool,
        announce: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ):
        """
        expire_days: objects are deleted this many days after they were written.
        protect: a destroy stops at a bucket that is not empty; otherwise it empties it.
        announce: EventBridge hears of every object.
        """
        self.bucket_name = site.bucket_name(name)
        self.arn = site.bucket_arn(self.bucket_name)
        super().__init__(
            "serverless-batch:storage:Bucket",
            name,
            {"bucketName": self.bucket_name, "expireDays": expire_days, "protect": protect},
            opts,
        )
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            name,
            bucket=self.bucket_name,
            force_destroy=not protect,
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            name, bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=child
        )
        public = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                {
                    "id": "expire",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": expire_days},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                }
            ],
            opts=child,
        )
        aws.s3.BucketPolicy(
            name,
            bucket=bucket.id,
            policy=document([tls_only([self.arn, f"{self.arn}/*"], "s3:*")]),
            # S3 refuses two changes of a bucket's access at once.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[public]),
        )
        if announce:
            aws.s3.BucketNotification(name, bucket=bucket.id, eventbridge=True, opts=child)
        self.id: pulumi.Output[str] = bucket.id
        self.register_outputs({"bucketName": self.bucket_name, "arn": self.arn})
