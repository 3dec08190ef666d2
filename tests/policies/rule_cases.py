"""Cases of rules as files: `cases/<rule>/{pass,fail,unknown,exempt}.yaml`.

A case:

    - name: a queue and its dead-letter queue            # what is special about it
      config: {minReceives: 3}                           # on top of the rule's defaults; may be left out
      resources:
        - type: aws:sqs/queue:Queue
          name: jobs
          props: {redrivePolicy: !json {deadLetterTargetArn: "arn:…", maxReceiveCount: 5}}
          links: {redrivePolicy: [jobs-dlq]}             # property → names of resources whose outputs it is made of
          inside: serverless-batch:queue:Queue           # type of the component around it
      expect:                                            # every finding, in any order; in pass.yaml there is none
        - {about: jobs, says: has no dead-letter queue}     # refused, with this in its message
        - {about: jobs, open: its redrive policy}           # not known before the update, and judged then

`!unknown` is a value that is not known yet, `!json …` the value as JSON text, of which a part may not be unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from policies.evaluation import evaluate
from policies.model import UNKNOWN, Finding, Resource
from policies.rules import BY_ID

CASES = Path(__file__).parent / "cases"
KINDS = ("pass", "fail", "unknown", "exempt")


class _Loader(yaml.SafeLoader):
    pass


def _json(loader: _Loader, node: yaml.Node) -> str:
    construct = loader.construct_sequence if isinstance(node, yaml.SequenceNode) else loader.construct_mapping
    return json.dumps(construct(node, deep=True))  # pyright: ignore[reportArgumentType]


_Loader.add_constructor("!unknown", lambda *_: UNKNOWN)
_Loader.add_constructor("!json", _json)


def read(file: Path) -> Any:
    with file.open(encoding="utf-8") as text:
        return yaml.load(text, _Loader)  # the loader is a safe one


@dataclass(frozen=True)
class Case:
    rule: str
    kind: str
    name: str
    resources: tuple[Resource, ...]
    config: Mapping[str, Any]
    expected: tuple[Mapping[str, str], ...]
    exemptions: tuple[Mapping[str, Any], ...]

    def __str__(self) -> str:
        return f"{self.rule}: {self.kind}: {self.name}"

    def findings(self) -> list[Finding]:
        """What the rule says of all resources."""
        config = {self.rule: {**BY_ID[self.rule].defaults, **self.config}}
        return [told.finding for told in evaluate([BY_ID[self.rule]], self.resources, self.resources, config)]

    def unmet(self) -> list[str]:
        """What the rule says and is not expected, and what is expected and not said."""
        findings, missing = self.findings(), list(self.expected)
        problems = []
        for finding in findings:
            fits = [one for one in missing if _fits(one, finding)]
            if fits:
                missing.remove(fits[0])
            else:
                problems.append(f"says: {finding.message!r} (settled: {finding.settled})")
        return problems + [f"does not say: {one}" for one in missing]


def _fits(expected: Mapping[str, str], finding: Finding) -> bool:
    text = expected.get("says" if finding.settled else "open")
    return text is not None and text in finding.message and finding.urn.endswith(f"::{expected['about']}")


def cases(*kinds: str) -> Iterator[Case]:
    for rule in BY_ID:
        for kind in kinds:
            file = CASES / rule / f"{kind}.yaml"
            for one in (read(file) or []) if file.exists() else []:
                yield Case(
                    rule, kind, one["name"], tuple(_resources(one["resources"])), one.get("config", {}),
                    tuple(one.get("expect", ())), tuple(one.get("exemptions", ())),
                )  # fmt: skip


def _resources(given: list[Mapping[str, Any]]) -> Iterator[Resource]:
    urns = {one["name"]: _urn(one) for one in given}
    for one in given:
        links = {key: frozenset(urns[name] for name in names) for key, names in one.get("links", {}).items()}
        yield Resource(_urn(one), one["type"], one["name"], one.get("props", {}), links)


def _urn(one: Mapping[str, Any]) -> str:
    inside = f"{one['inside']}$" if "inside" in one else ""
    return f"urn:pulumi:dev::p::{inside}{one['type']}::{one['name']}"
