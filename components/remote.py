"""awsx components, with outputs that nobody reads typed as anything.

Two of their outputs have the name of an input. A provider that does not expand the component (the mock runtime, a
stand-in in a test) gives the input back there, and the SDK would refuse it for not being a resource.
"""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_awsx as awsx


class Repository(awsx.ecr.Repository):
    @property
    @pulumi.getter(name="lifecyclePolicy")
    def lifecycle_policy(self) -> pulumi.Output[Any]:
        return pulumi.get(self, "lifecycle_policy")


class Vpc(awsx.ec2.Vpc):
    @property
    @pulumi.getter(name="natGateways")
    def nat_gateways(self) -> pulumi.Output[Any]:
        return pulumi.get(self, "nat_gateways")
