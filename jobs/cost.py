"""What a Fargate task costs, from a dated price table."""

from __future__ import annotations

PRICES_AS_OF = "2026-11"
PRICES_REGION = "us-east-1"
# $ an hour for one vCPU and for one GB, on demand. Source: AWS Fargate price list, us-east-1, Linux.
ON_DEMAND = {"x86_64": (0.04048, 0.004445), "arm64": (0.03238, 0.00356)}
SPOT_DISCOUNT = 0.70  # "up to 70 % off"; the market price moves
MINIMUM_SECONDS = 60  # Fargate bills at least one minute a task


def fargate_usd(*, vcpu: float, memory_gb: float, seconds: float, architecture: str, spot: bool) -> float:
    """List price in US dollars of one task, to a hundred-millionth.

    seconds: from image pull to stop; billed by the second, one minute at the least.
    architecture: "x86_64" or "arm64".
    """
    vcpu_hour, gb_hour = ON_DEMAND[architecture]
    hourly = vcpu * vcpu_hour + memory_gb * gb_hour
    return round(hourly * max(seconds, MINIMUM_SECONDS) / 3600 * (1 - SPOT_DISCOUNT if spot else 1), 8)
