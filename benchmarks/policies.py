"""What the policies add to a deployment, by the policy SDK's own analyzer.

    python benchmarks/policies.py [--turns 5]

The resources are the first 200 of the prod stack, as its program registers them, and ten times these, each time as
another stack's; at preview with the values that are unknown then. Measured is the time of all rules, and of as many
policies that do nothing, which is the SDK's own share. `policies.md` has what came of it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

import pulumi_policy.policy  # noqa: E402
from google.protobuf import json_format  # noqa: E402

from components.stackfile import engine_config  # noqa: E402
from policies.model import ResourceRule, Rule, StackRule  # noqa: E402
from policies.rules import RULES  # noqa: E402
from policies.settings import load  # noqa: E402
from sandbox.analyzer import analyze  # noqa: E402
from sandbox.invented import Invented  # noqa: E402
from sandbox.program import Recorded, run  # noqa: E402

STACK = "prod"
MANY, TIMES = 200, (1, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    print(f"{len(RULES)} rules; import {import_seconds(turns):.2f} s, of which the SDK {sdk_seconds(turns):.2f} s")
    print(f"{'resources':>9} {'phase':<8} {'all rules, s':>12} {'idle, s':>8} {'deserialisations':>17}")
    for phase in ("preview", "update"):
        for times in TIMES:
            resources = list(repeated(recorded(phase)[:MANY], times))
            seconds = statistics.median(measured(resources, RULES) for _ in range(turns))
            idle = statistics.median(measured(resources, [*map(idle_rule, RULES)]) for _ in range(turns))
            print(f"{len(resources):>9} {phase:<8} {seconds:>12.2f} {idle:>8.2f} {deserialisations(resources):>17,}")


def recorded(phase: str) -> Sequence[Recorded]:
    config = engine_config(REPOSITORY, STACK)
    return run(REPOSITORY, STACK, config, Invented(config["aws:region"]), preview=phase == "preview").resources


def repeated(resources: Sequence[Recorded], times: int) -> Iterator[Recorded]:
    """Each time as another stack's, so that links are among those of one time."""
    for turn in range(times):
        for one in resources:
            yield _of_stack(f"{STACK}{turn}", one)


def _of_stack(stack: str, one: Recorded) -> Recorded:
    """The stack's name is in every URN and in every physical name."""

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return value.replace(STACK, stack) if isinstance(value, str) else value

    request = json_format.ParseDict(renamed(json_format.MessageToDict(one.request)), type(one.request)())
    return Recorded(renamed(one.urn), request, renamed(one.id), renamed(one.outputs), renamed(one.registered))


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
