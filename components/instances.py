"""EC2 instance families, as far as a queue of Batch jobs may name them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from components import units


class Family(NamedTuple):
    """architecture: "x86_64" or "arm64". vcpus: of its largest size. gib: memory for each vCPU."""

    architecture: str
    vcpus: int
    gib: int


# Source: Amazon EC2 instance types. The letter says the memory for each vCPU: c 2 GiB, m 4, r 8.
_VCPUS = {
    "arm64": {"6g": 64, "7g": 64, "8g": 192},
    "x86_64": {"6i": 128, "7i": 192, "6a": 192, "7a": 192},
}
FAMILIES = {
    f"{letter}{generation}": Family(architecture, vcpus, gib)
    for architecture, generations in _VCPUS.items()
    for generation, vcpus in generations.items()
    for letter, gib in (("c", 2), ("m", 4), ("r", 8))
}
DEFAULT_FAMILIES = {"arm64": ("c7g", "m7g", "r7g"), "x86_64": ("c7i", "m7i", "r7i")}

# Of an instance's memory, what a job can have at the most: the kernel and the ECS agent keep some percent.
USABLE = 15 / 16


def check_instance_size(vcpu: float, memory: int, families: Iterable[str]) -> None:
    """Raises ValueError unless a job of `vcpu` vCPUs and `memory` MiB fits into an instance of one of the families."""
    if vcpu != int(vcpu) or vcpu < 1:
        raise ValueError(f"is not offered on EC2; nearest: {units.vcpu_text(max(1, round(vcpu)))}")
    known = [FAMILIES[name] for name in families]
    if any(vcpu <= family.vcpus and memory <= family.vcpus * family.gib * 1024 * USABLE for family in known):
        return
    largest = max(known, key=lambda family: family.vcpus * family.gib)
    memory_text = units.memory_text(int(largest.vcpus * largest.gib * USABLE) * 1024)
    raise ValueError(f"fits into no instance of {', '.join(families)}; at most {largest.vcpus} vCPU and {memory_text}")
