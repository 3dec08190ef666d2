"""Tables with their streams."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud, creates


@creates("aws:dynamodb/table:Table")
def table(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "TableName": name,
        "BillingMode": inputs["billingMode"],
        "AttributeDefinitions": [
            {"AttributeName": attribute["name"], "AttributeType": attribute["type"]}
            for attribute in inputs["attributes"]
        ],
        "KeySchema": _keys(inputs),
    }
    if indexes := inputs.get("globalSecondaryIndexes"):
        request["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index["name"],
                "KeySchema": _keys(index),
                "Projection": {"ProjectionType": index["projectionType"]},
            }
            for index in indexes
        ]
    if inputs.get("streamEnabled"):
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": inputs["streamViewType"]}
    description = cloud.client("dynamodb").create_table(**request)["TableDescription"]
    return {"streamArn": description["LatestStreamArn"]} if inputs.get("streamEnabled") else {}


def _keys(holder: dict[str, Any]) -> list[dict[str, str]]:
    keys = [{"AttributeName": holder["hashKey"], "KeyType": "HASH"}]
    if holder.get("rangeKey"):
        keys.append({"AttributeName": holder["rangeKey"], "KeyType": "RANGE"})
    return keys
