"""Networks."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud, creates


@creates("awsx:ec2:Vpc")
def vpc(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The VPC with one subnet a kind and zone; routes and gateways move no data here."""
    client = cloud.client("ec2")
    network = client.create_vpc(CidrBlock=inputs["cidrBlock"])["Vpc"]["VpcId"]
    client.modify_vpc_attribute(VpcId=network, EnableDnsHostnames={"Value": bool(inputs.get("enableDnsHostnames"))})
    base = ".".join(inputs["cidrBlock"].split(".")[:2])
    outputs: dict[str, Any] = {"vpcId": network, "publicSubnetIds": [], "privateSubnetIds": []}
    blocks = iter(range(256))
    for spec in inputs["subnetSpecs"]:
        key = f"{str(spec['type']).lower()}SubnetIds"
        for _ in range(int(inputs["numberOfAvailabilityZones"])):
            subnet = client.create_subnet(VpcId=network, CidrBlock=f"{base}.{next(blocks)}.0/24")
            outputs[key].append(subnet["Subnet"]["SubnetId"])
    return outputs


@creates("aws:ec2/securityGroup:SecurityGroup")
def security_group(cloud: Cloud, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    group = cloud.client("ec2").create_security_group(
        GroupName=name, Description=inputs["description"], VpcId=inputs["vpcId"]
    )
    return {"id": group["GroupId"]}
