"""Roles. Moto keeps them; nothing here is refused for a missing permission."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud, creates


@creates("aws:iam/role:Role")
def role(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    answer = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=inputs["assumeRolePolicy"])
    return {"arn": answer["Role"]["Arn"]}


@creates("aws:iam/rolePolicy:RolePolicy")
def role_policy(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    cloud.client("iam").put_role_policy(RoleName=inputs["role"], PolicyName=name, PolicyDocument=inputs["policy"])
    return {"id": f"{inputs['role']}:{name}"}
