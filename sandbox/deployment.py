"""A stack deployed into the sandbox's cloud."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from components.settings import parse_settings
from policies.settings import load
from sandbox.analyzer import Violation, analyze
from sandbox.check import preview_violations
from sandbox.cloud import Cloud
from sandbox.program import ProgramError, Run, run


class Deployment:
    """Policies first, then the program, into an empty cloud.

    violations: by phase, "preview" and "update".
    """

    def __init__(self, project: Path, stack: str, config: Mapping[str, str], cloud: Cloud):
        """Raises ProgramError if the program or a mandatory policy refuses."""
        self.cloud = cloud
        self.violations: dict[str, list[Violation]] = {"preview": preview_violations(project, stack, config)}
        if any(violation.level == "mandatory" for violation in self.violations["preview"]):
            raise Refused(self.violations)
        self.run: Run = run(project, stack, config, cloud)
        self.violations["update"] = analyze(self.run.resources, load(stack))

    @property
    def has_api(self) -> bool:
        """Whether a worker of the stack is reached through the job API."""
        return "apiUrl" in self.run.exports

    @property
    def url(self) -> str:
        return self.run.exports["apiUrl"]

    @property
    def key(self) -> str:
        return self.run.exports["apiKey"]


class Refused(ProgramError):
    """A mandatory policy is violated; `violations` by phase."""

    def __init__(self, violations: dict[str, list[Violation]]):
        super().__init__("A mandatory policy is violated; nothing was deployed.")
        self.violations = violations


def fresh_cloud(project: Path, stack: str, config: Mapping[str, str]) -> Cloud:
    """An empty cloud for a stack; its files are below `.sandbox/<stack>`.

    Raises ConfigurationError if the stack cannot be deployed anyway, ProgramError if it is up already.
    """
    region = parse_settings(config, stack, project).region
    return Cloud(region, project, project / ".sandbox" / stack)
