"""The program and its policies, without anything being created."""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from components.settings import parse_settings
from components.stackfile import engine_config
from policies.rules import BY_ID
from policies.settings import load
from sandbox.agenda import agenda
from sandbox.analyzer import Violation, analyze
from sandbox.invented import Invented
from sandbox.program import Engine, Run, run

# A terminal knows its width; a log file has room.
console = Console(highlight=False, soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 120)


def declared(project: Path, stack: str) -> Run:
    """What the stack's program registers, with every value known."""
    config = engine_config(project, stack)
    return run(project, stack, config, Invented(config.get("aws:region", "")))


def check(project: Path, stack: str) -> int:
    """Run program and policies as a preview and as an update; print what they say, and when schedules are due.

    1 if anything is refused.
    """
    judged = judge(project, stack)
    console.print(f"Stack [bold]{stack}[/]: {judged.resources} resources.")
    for line in agenda(parse_settings(engine_config(project, stack), stack, project).workers, dt.datetime.now(dt.UTC)):
        console.print(line, markup=False)
    return 0 if report(judged.violations) else 1


@dataclass(frozen=True)
class Judged:
    """resources: how many the stack has. violations: what the policies say, by phase."""

    resources: int
    violations: Mapping[str, list[Violation]]


def judge(project: Path, stack: str) -> Judged:
    """What the policies say of a stack, as a preview and as an update."""
    config = engine_config(project, stack)
    preview = preview_violations(project, stack, config)
    update = run(project, stack, config, Invented(config.get("aws:region", "")))
    return Judged(len(update.resources), {"preview": preview, "update": analyze(update.resources, load(stack))})


def preview_violations(project: Path, stack: str, config: Mapping[str, str]) -> list[Violation]:
    """What the policies say before anything exists."""
    rules = load(stack)  # before the program, which takes longer to be refused
    engine: Engine = Invented(config.get("aws:region", ""))
    return analyze(run(project, stack, config, engine, preview=True).resources, rules)


def report(phases: Mapping[str, list[Violation]]) -> bool:
    """Print violations by phase; whether the policies let the stack pass."""
    refused = 0
    for phase, violations in phases.items():
        count = Counter(violation.level for violation in violations)
        refused += count["mandatory"]
        said = ", ".join(f"{n} {level}" for level, n in sorted(count.items())) or "nothing to say"
        console.print(f"Policies at {phase}: {said}.")
        for violation in violations:
            colour = "red" if violation.level == "mandatory" else "yellow"
            name = violation.urn.rsplit("::", 1)[-1]
            console.print(f"  [{colour}]{violation.level}[/] {violation.policy} · {name or 'stack'}")
            console.print(f"    {violation.message}", markup=False)
            rule = BY_ID.get(violation.policy)
            if rule and violation.level != "remediate":
                console.print(f"    {rule.description} See {rule.url}", markup=False)
    if refused:
        console.print("[red bold]Refused:[/] a mandatory policy is violated; nothing would be deployed.")
    else:
        console.print("[green]Every policy passed.[/]")
    return refused == 0
