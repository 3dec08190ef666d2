"""Where tasks run: subnets, and a security group that lets nothing in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from components.remote import Vpc
from components.site import Site

Mode = Literal["public", "private-nat", "private-endpoints", "existing"]

GATEWAY_ENDPOINTS = ("s3", "dynamodb")  # free
INTERFACE_ENDPOINTS = ("ecr.api", "ecr.dkr", "logs", "sqs")  # Fargate needs none for ECS itself
AGENT_ENDPOINTS = ("ecs", "ecs-agent", "ecs-telemetry")  # what the ECS agent of an EC2 instance reaches

NODE_ENDPOINTS = ("ec2", "eks", "eks-auth", "sts")  # what a node of EKS and its pods reach


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """
    mode: public: subnets with an internet gateway, tasks with a public address, no NAT gateway to pay for.
        private-nat: private subnets behind NAT gateways. private-endpoints: private subnets without a way out, AWS
        services through VPC endpoints. existing: subnets of a VPC that is there already.
    cidr: address range of a new VPC. zones: how many availability zones it spans.
    nat_per_zone: one NAT gateway a zone instead of one in all.
    endpoint_services: services besides the usual that tasks reach, e.g. "secretsmanager".
    vpc_id, subnet_ids: the existing network; assign_public_ip: whether its subnets are public ones.
    """

    mode: Mode
    cidr: str = "10.0.0.0/16"
    zones: int = 2
    nat_per_zone: bool = False
    endpoint_services: Sequence[str] = ()
    vpc_id: str | None = None
    subnet_ids: Sequence[str] = ()
    assign_public_ip: bool = False


class Network(pulumi.ComponentResource):
    """The subnets and the egress-only security group of a stack's tasks."""

    def __init__(self, name: str, site: Site, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("serverless-batch:network:Network", name, {"mode": args.mode, "zones": args.zones}, opts)
        self.assign_public_ip = args.mode == "public" or args.assign_public_ip
        self.vpc_id: pulumi.Input[str]
        self.subnet_ids: pulumi.Input[Sequence[str]]
        if args.mode == "existing":
            assert args.vpc_id is not None  # the settings refuse it otherwise
            self.vpc_id, self.subnet_ids = args.vpc_id, list(args.subnet_ids)
        else:
            vpc = self._vpc(name, site, args)
            self.vpc_id = vpc.vpc_id
            self.subnet_ids = vpc.public_subnet_ids if args.mode == "public" else vpc.private_subnet_ids
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            name,
            name=site.name(name),
            description="Tasks: everything out, nothing in",
            vpc_id=self.vpc_id,
            opts=child,
        )
        aws.vpc.SecurityGroupEgressRule(
            name, security_group_id=group.id, ip_protocol="-1", cidr_ipv4="0.0.0.0/0", opts=child
        )
        self.security_group_id: pulumi.Output[str] = group.id
        self.register_outputs({"vpcId": self.vpc_id, "subnetIds": self.subnet_ids})

    def _vpc(self, name: str, site: Site, args: NetworkArgs) -> Vpc:
        subnets = [awsx.ec2.SubnetSpecArgs(type=awsx.ec2.SubnetType.PUBLIC)]
        nat, endpoints = awsx.ec2.NatGatewayStrategy.NONE, []
        if args.mode == "private-nat":
            subnets.append(awsx.ec2.SubnetSpecArgs(type=awsx.ec2.SubnetType.PRIVATE))
            per_zone = awsx.ec2.NatGatewayStrategy.ONE_PER_AZ
            nat = per_zone if args.nat_per_zone else awsx.ec2.NatGatewayStrategy.SINGLE
        elif args.mode == "private-endpoints":
            subnets = [awsx.ec2.SubnetSpecArgs(type=awsx.ec2.SubnetType.PRIVATE)]
            endpoints = _endpoints(site, args.endpoint_services)
        return Vpc(
            name,
            cidr_block=args.cidr,
            number_of_availability_zones=args.zones,
            nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=nat),
            subnet_specs=subnets,
            subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
            vpc_endpoint_specs=endpoints,
            vpc_endpoint_strategy=awsx.ec2.VpcEndpointStrategy.AUTO,
            enable_dns_hostnames=True,
            tags={"Name": site.name(name)},
            opts=pulumi.ResourceOptions(parent=self),
        )


def _endpoints(site: Site, more: Sequence[str]) -> list[awsx.ec2.VpcEndpointSpecArgs]:
    """One endpoint a service; the "Auto" strategy adds subnets, route tables, security group and private DNS."""
    kinds = [("Gateway", service) for service in GATEWAY_ENDPOINTS]
    kinds += [("Interface", service) for service in (*INTERFACE_ENDPOINTS, *more)]
    return [
        awsx.ec2.VpcEndpointSpecArgs(
            service_name=f"com.amazonaws.{site.region}.{service}",
            vpc_endpoint_type=kind,
            tags={"Name": site.name(service)},
        )
        for kind, service in kinds
    ]
