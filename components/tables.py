"""DynamoDB tables: the jobs, and the memory of what has been done once."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.site import Site

LISTING_INDEX = "listing"  # jobs.store reads it under this name


class JobsTable(pulumi.ComponentResource):
    """One item for each job; its stream tells of every change of state."""

    def __init__(
        self,
        name: str,
        site: Site,
        *,
        point_in_time_recovery: bool,
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ):
        self.table_name = site.name(name)
        self.arn = site.arn("dynamodb", f"table/{self.table_name}")
        super().__init__("serverless-batch:tables:JobsTable", name, {"tableName": self.table_name}, opts)
        table = aws.dynamodb.Table(
            name,
            name=self.table_name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="job_id",
            attributes=[{"name": key, "type": "S"} for key in ("job_id", "listing", "sort_key")],
            global_secondary_indexes=[
                {
                    "name": LISTING_INDEX,
                    "hash_key": "listing",
                    "range_key": "sort_key",
                    "projection_type": "ALL",
                }
            ],
            ttl={"attribute_name": "expires_at", "enabled": True},
            stream_enabled=True,
            stream_view_type="NEW_IMAGE",
            server_side_encryption={"enabled": True},
            point_in_time_recovery={"enabled": point_in_time_recovery},
            deletion_protection_enabled=protect,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.stream_arn: pulumi.Output[str] = table.stream_arn
        self.register_outputs({"tableName": self.table_name, "streamArn": self.stream_arn})


class IdempotencyTable(pulumi.ComponentResource):
    """Which effects have happened, in the layout of Powertools' idempotency; forgotten by themselves."""

    def __init__(self, name: str, site: Site, opts: pulumi.ResourceOptions | None = None):
        self.table_name = site.name(name)
        self.arn = site.arn("dynamodb", f"table/{self.table_name}")
        super().__init__("serverless-batch:tables:IdempotencyTable", name, {"tableName": self.table_name}, opts)
        aws.dynamodb.Table(
            name,
            name=self.table_name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="id",
            attributes=[{"name": "id", "type": "S"}],
            ttl={"attribute_name": "expiration", "enabled": True},
            server_side_encryption={"enabled": True},
            point_in_time_recovery={"enabled": False},  # losing it costs a repetition at the most
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"tableName": self.table_name})
