from __future__ import annotations

from typing import Any

import pytest
from component_support import REGION, SITE, UNKNOWN, Declared, declared

from components.network import Network, NetworkArgs

VPC, GROUP, EGRESS = "awsx:ec2:Vpc", "aws:ec2/securityGroup:SecurityGroup", "aws:vpc/securityGroupEgressRule:*"


def network(*, preview: bool = False, **args: Any) -> tuple[Network, Declared]:
    made: list[Network] = []
    found = declared(lambda: made.append(Network("tasks", SITE, NetworkArgs(**args))), preview=preview)
    return made[0], found


def endpoints(found: Declared) -> dict[str, str]:
    """Service → type of its endpoint."""
    specs = found.inputs(VPC)["vpcEndpointSpecs"]
    return {spec["serviceName"].removeprefix(f"com.amazonaws.{REGION}."): spec["vpcEndpointType"] for spec in specs}


def test_a_public_network_has_no_nat_gateway_and_its_tasks_get_an_address_of_their_own() -> None:
    made, found = network(mode="public", cidr="10.9.0.0/16", zones=3)
    vpc = found.inputs(VPC)
    assert vpc["natGateways"] == {"strategy": "None"}
    assert vpc["subnetSpecs"] == [{"type": "Public"}]
    assert (vpc["cidrBlock"], vpc["numberOfAvailabilityZones"]) == ("10.9.0.0/16", 3)
    assert endpoints(found) == {}
    assert made.assign_public_ip


@pytest.mark.parametrize(("per_zone", "strategy"), [(False, "Single"), (True, "OnePerAz")])
def test_private_subnets_go_out_through_one_nat_gateway_or_one_a_zone(per_zone: bool, strategy: str) -> None:
    made, found = network(mode="private-nat", nat_per_zone=per_zone)
    vpc = found.inputs(VPC)
    assert vpc["natGateways"] == {"strategy": strategy}
    assert vpc["subnetSpecs"] == [{"type": "Public"}, {"type": "Private"}]
    assert endpoints(found) == {}
    assert not made.assign_public_ip


def test_a_private_network_with_endpoints_has_no_way_out_and_an_endpoint_for_each_service_that_tasks_use() -> None:
    made, found = network(mode="private-endpoints", endpoint_services=["bedrock-runtime"])
    vpc = found.inputs(VPC)
    assert vpc["natGateways"] == {"strategy": "None"}
    assert vpc["subnetSpecs"] == [{"type": "Private"}]
    assert vpc["vpcEndpointStrategy"] == "Auto"  # else awsx leaves them without subnets and route tables
    assert vpc["enableDnsHostnames"] is True  # else private DNS has no effect
    assert endpoints(found) == {
        "s3": "Gateway",
        "dynamodb": "Gateway",
        "ecr.api": "Interface",
        "ecr.dkr": "Interface",
        "logs": "Interface",
        "sqs": "Interface",
        "bedrock-runtime": "Interface",
    }
    assert not made.assign_public_ip


@pytest.mark.parametrize("public", [False, True])
def test_in_an_existing_network_nothing_is_made_but_the_security_group(public: bool) -> None:
    made, found = network(
        mode="existing", vpc_id="vpc-0a1b2c3d", subnet_ids=["subnet-1", "subnet-2"], assign_public_ip=public
    )
    assert [r.type for r in found.all()] == [
        "serverless-batch:network:Network",
        GROUP,
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    ]
    assert found.inputs(GROUP)["vpcId"] == "vpc-0a1b2c3d"
    assert made.subnet_ids == ["subnet-1", "subnet-2"]
    assert made.assign_public_ip is public


@pytest.mark.parametrize("mode", ["public", "private-nat", "private-endpoints"])
def test_tasks_can_reach_everything_and_nothing_can_reach_them(mode: str) -> None:
    _, found = network(mode=mode)
    group, rule = found.one(GROUP), found.one(EGRESS)
    assert "ingress" not in group.inputs
    assert not found.all("aws:*/securityGroupIngressRule:*")
    assert not found.all("aws:ec2/securityGroupRule:*")
    assert (rule.inputs["ipProtocol"], rule.inputs["cidrIpv4"]) == ("-1", "0.0.0.0/0")
    assert rule.inputs["securityGroupId"] == group.id
    assert group.inputs["vpcId"] == found.one(VPC).outputs["vpcId"]


@pytest.mark.parametrize(
    ("mode", "subnets"),
    [("public", "publicSubnetIds"), ("private-nat", "privateSubnetIds"), ("private-endpoints", "privateSubnetIds")],
)
def test_tasks_run_in_the_subnets_of_their_mode(mode: str, subnets: str) -> None:
    seen: list[Any] = []
    found = declared(lambda: Network("tasks", SITE, NetworkArgs(mode=mode)).subnet_ids.apply(seen.append))
    assert seen == [found.one(VPC).outputs[subnets]]


def test_before_anything_exists_the_mode_is_known_and_the_vpc_is_not() -> None:
    _, found = network(mode="public", preview=True)
    assert found.inputs("serverless-batch:network:Network")["mode"] == "public"
    assert found.inputs(GROUP)["vpcId"] == UNKNOWN
