"""What the policies add to a deployment, by the policy SDK's own analyzer.

    python benchmarks/policies.py [--turns 5]

The resources are those of the prod stack, as its program registers them, repeated under other names until there are as
many as asked; at preview with the values that are unknown then. Measured is the time of all rules, and of as many
policies that do nothing, which is the SDK's own share. `policies.md` has what came of it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

import pulumi_policy.policy  # noqa: E402

from components.stackfile import engine_config  # noqa: E402
from policies.model import ResourceRule, Rule, StackRule  # noqa: E402
from policies.rules import RULES  # noqa: E402
from policies.settings import load  # noqa: E402
from sandbox.analyzer import analyze  # noqa: E402
from sandbox.invented import Invented  # noqa: E402
from sandbox.program import Recorded, run  # noqa: E402

STACK = "prod"
SIZES = (200, 2000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    print(f"{len(RULES)} rules; import {import_seconds(turns):.2f} s, of which the SDK {sdk_seconds(turns):.2f} s")
    print(f"{'resources':>9} {'phase':<8} {'all rules, s':>12} {'idle, s':>8} {'deserialisations':>17}")
    for phase in ("preview", "update"):
        for size in SIZES:
            resources = list(islice(repeated(recorded(phase)), size))
            seconds = statistics.median(measured(resources, RULES) for _ in range(turns))
            idle = statistics.median(measured(resources, [*map(idle_rule, RULES)]) for _ in range(turns))
            print(f"{size:>9} {phase:<8} {seconds:>12.2f} {idle:>8.2f} {deserialisations(resources):>17,}")


def recorded(phase: str) -> Sequence[Recorded]:
    config = engine_config(REPOSITORY, STACK)
    return run(REPOSITORY, STACK, config, Invented(config["aws:region"]), preview=phase == "preview").resources


def repeated(resources: Sequence[Recorded]) -> Iterator[Recorded]:
    """Again and again, each time under other names; links are among those of one time."""
    yield from resources
    for turn in count(1):
        for one in resources:
            yield Recorded(f"{one.urn}-{turn}", one.request, one.id, one.outputs)


def idle_rule(rule: Rule) -> Rule:
    """As the rule, without what it does."""
    same = {
        key: getattr(rule, key)
        for key in ("id", "theme", "description", "why", "steps", "unknown", "severity", "parameters")
    }
    if isinstance(rule, ResourceRule):
        return ResourceRule(**same, types=frozenset(), check=lambda *_: [])
    return StackRule(**same, types=frozenset(), check=lambda *_: [])


def measured(resources: Sequence[Recorded], rules: Sequence[Rule]) -> float:
    began = time.perf_counter()
    analyze(resources, load(STACK), rules=rules)
    return time.perf_counter() - began


def deserialisations(resources: Sequence[Recorded]) -> int:
    """How often the SDK makes Python values of a resource's properties."""
    number, original = 0, pulumi_policy.policy.deserialize_properties

    def counted(*args: object) -> object:
        nonlocal number
        number += 1
        return original(*args)  # pyright: ignore[reportArgumentType]

    pulumi_policy.policy.deserialize_properties = counted
    try:
        analyze(resources, load(STACK))
    finally:
        pulumi_policy.policy.deserialize_properties = original
    return number


def import_seconds(turns: int) -> float:
    return _started("import policies.pack, policies.rules", turns)


def sdk_seconds(turns: int) -> float:
    return _started("import pulumi_policy", turns)


def _started(code: str, turns: int) -> float:
    """Of a fresh interpreter that runs it, less one that does nothing."""
    return statistics.median(_seconds(code) - _seconds("pass") for _ in range(turns))


def _seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
